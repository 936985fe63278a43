/* Rows in, in each way, and out again. */
#include "check.h"

#include <float.h>
#include <math.h>

/* Every type, as rows of cells: the extremes, a null, and what comes back. */
void test_rows_of_every_type(const char *folder) {
  chl_db db = open_new(folder);
  chl_column columns[] = {
      {"i8", CHL_TYPE_I8, NULL},   {"i16", CHL_TYPE_I16, NULL},   {"i32", CHL_TYPE_I32, NULL},
      {"i64", CHL_TYPE_I64, NULL}, {"u8", CHL_TYPE_U8, NULL},     {"u16", CHL_TYPE_U16, NULL},
      {"u32", CHL_TYPE_U32, NULL}, {"u64", CHL_TYPE_U64, NULL},   {"f32", CHL_TYPE_F32, NULL},
      {"f64", CHL_TYPE_F64, NULL}, {"bool", CHL_TYPE_BOOL, NULL}, {"text", CHL_TYPE_UTF8, NULL},
      {"bytes", CHL_TYPE_BINARY, NULL},
  };
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = COUNT(columns)};
  spec.time_column = "at", spec.time_unit = CHL_UNIT_NANOSECOND;
  chl_table table;
  OK(chl_create_table(db, "all", &spec, &table));
  chl_value least[] = {chl_int(INT8_MIN), chl_int(INT16_MIN), chl_int(INT32_MIN), chl_int(INT64_MIN),
                       chl_int(0), chl_uint(0), chl_int(0), chl_uint(0), chl_float(-1.5),
                       chl_float(-DBL_MAX), chl_bool(0), chl_text(""), chl_blob(NULL, 0)};
  chl_value most[] = {chl_int(INT8_MAX), chl_int(INT16_MAX), chl_int(INT32_MAX), chl_int(INT64_MAX),
                      chl_int(UINT8_MAX), chl_uint(UINT16_MAX), chl_int(UINT32_MAX), chl_uint(UINT64_MAX),
                      chl_float(1.5), chl_float(DBL_MAX), chl_bool(7), chl_text("Zürich"),
                      chl_blob("\0\xff", 2)};
  chl_value nulls[COUNT(columns)];
  for (size_t i = 0; i < COUNT(nulls); i++)
    nulls[i] = chl_null();
  uint64_t seq = 0;
  OK(chl_append_row(table, INT64_MAX, most, COUNT(most), &seq));
  CHECK(seq == 1);
  OK(chl_append_row(table, INT64_MIN, least, COUNT(least), NULL));
  OK(chl_append_row(table, 0, nulls, COUNT(nulls), &seq));
  CHECK(seq == 3);

  for (int flushed = 0; flushed < 2; flushed++) {
    struct ArrowArrayStream stream;
    OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &stream));
    struct ArrowSchema schema;
    CHECK(stream.get_schema(&stream, &schema) == 0);
    CHECK(!strcmp(schema.format, "+s") && schema.n_children == 14);
    CHECK(!strcmp(schema.children[0]->name, "at") && !strcmp(schema.children[0]->format, "tsn:"));
    CHECK(!strcmp(schema.children[12]->format, "u") && !strcmp(schema.children[13]->format, "z"));
    schema.release(&schema);
    struct ArrowArray rows = only_batch(&stream);
    CHECK(rows.length == 3 && rows.n_children == 14);
    struct ArrowArray **of = rows.children;
    CHECK(int_at(of[0], 0) == INT64_MIN && int_at(of[0], 1) == 0 && int_at(of[0], 2) == INT64_MAX);
    for (int column = 1; column < 14; column++)
      CHECK(is_null(of[column], 1) && !is_null(of[column], 0) && !is_null(of[column], 2));
    CHECK(((const int8_t *)of[1]->buffers[1])[of[1]->offset] == INT8_MIN);
    CHECK(((const uint32_t *)of[7]->buffers[1])[of[7]->offset + 2] == UINT32_MAX);
    CHECK((uint64_t)int_at(of[8], 2) == UINT64_MAX);
    CHECK(((const float *)of[9]->buffers[1])[of[9]->offset] == -1.5f);
    CHECK(float_at(of[10], 2) == DBL_MAX);
    CHECK((((const uint8_t *)of[11]->buffers[1])[0] >> (of[11]->offset + 2) & 1) == 1);
    CHECK(text_is(of[12], 0, "") && text_is(of[12], 2, "Zürich"));
    rows.release(&rows);
    OK(chl_flush(db));
  }
  OK(chl_close(db));
}

void test_a_row_that_does_not_fit_is_refused_whole(const char *folder) {
  chl_db db = open_new(folder);
  chl_column columns[] = {{"small", CHL_TYPE_I8, NULL}, {"name", CHL_TYPE_UTF8, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 2};
  chl_table table;
  OK(chl_create_table(db, "t", &spec, &table));
  chl_value wide[] = {chl_int(128), chl_text("a")}, kind[] = {chl_int(1), chl_int(2)};
  chl_value lossy[] = {chl_float(1.5), chl_text("a")};
  uint64_t seq = 77;
  FAILS(CHL_ERROR_SCHEMA, "\"small\"", chl_append_row(table, 1, wide, 2, &seq));
  FAILS(CHL_ERROR_SCHEMA, "\"name\"", chl_append_row(table, 1, kind, 2, &seq));
  FAILS(CHL_ERROR_SCHEMA, "\"small\"", chl_append_row(table, 1, lossy, 2, &seq));
  FAILS(CHL_ERROR_SCHEMA, "2", chl_append_row(table, 1, wide, 1, &seq));
  CHECK(seq == 77 && rows_of(table) == 0);
  OK(chl_close(db));
}

void test_wide_rows(const char *folder) {
  enum { WIDTH = 300 };
  chl_db db = open_new(folder);
  chl_column columns[WIDTH];
  char names[WIDTH][8];
  chl_value cells[WIDTH];
  double numbers[WIDTH];
  for (int i = 0; i < WIDTH; i++) {
    snprintf(names[i], sizeof names[i], "c%d", i);
    columns[i] = (chl_column){names[i], CHL_TYPE_F64, NULL};
    cells[i] = chl_int(i);
    numbers[i] = i + 0.5;
  }
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = WIDTH};
  chl_table table;
  OK(chl_create_table(db, "wide", &spec, &table));
  OK(chl_append_row(table, 1, cells, WIDTH, NULL));
  OK(chl_append_row_f64(table, 2, numbers, WIDTH, NULL));
  struct ArrowArrayStream stream;
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &stream));
  struct ArrowArray rows = only_batch(&stream);
  for (int i = 0; i < WIDTH; i++)
    CHECK(float_at(rows.children[i + 1], 0) == i && float_at(rows.children[i + 1], 1) == i + 0.5);
  rows.release(&rows);
  OK(chl_close(db));
}

void test_keys_and_conflicts(const char *folder) {
  chl_db db = open_new(folder);
  chl_column columns[] = {{"site", CHL_TYPE_UTF8, NULL}, {"v", CHL_TYPE_I64, NULL}};
  const char *key[] = {"site"};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 2, .key = key, .key_count = 1};
  spec.on_conflict = CHL_CONFLICT_ERROR;
  chl_table table, latest;
  OK(chl_create_table(db, "strict", &spec, &table));
  spec.on_conflict = CHL_CONFLICT_LAST;
  OK(chl_create_table(db, "latest", &spec, &latest));
  chl_table twice;
  FAILS(CHL_ERROR_SCHEMA, "on_conflict", chl_create_table(db, "strict", &spec, &twice));
  chl_value a[] = {chl_text("a"), chl_int(1)}, b[] = {chl_text("b"), chl_int(2)}, again[] = {chl_text("a"), chl_int(3)};
  OK(chl_append_row(table, 10, a, 2, NULL));
  OK(chl_append_row(table, 10, b, 2, NULL));
  FAILS(CHL_ERROR_CONFLICT, "", chl_append_row(table, 10, again, 2, NULL));
  CHECK(rows_of(table) == 2);
  OK(chl_append_row(latest, 10, a, 2, NULL));
  OK(chl_append_row(latest, 10, again, 2, NULL));
  struct ArrowArrayStream stream;
  OK(chl_last(latest, 5, a, 1, &stream));
  struct ArrowArray rows = only_batch(&stream);
  CHECK(rows.length == 1 && int_at(rows.children[2], 0) == 3);
  rows.release(&rows);
  FAILS(CHL_ERROR_SCHEMA, "key", chl_last(latest, 1, a, 2, &stream));
  OK(chl_delete(table, CHL_NO_START, CHL_NO_END, b, 1));
  CHECK(rows_of(table) == 1);
  OK(chl_close(db));
}

void test_plain_arrays(const char *folder) {
  chl_db db = open_new(folder);
  chl_column columns[] = {{"n", CHL_TYPE_I64, NULL}, {"on", CHL_TYPE_BOOL, NULL}, {"name", CHL_TYPE_UTF8, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 3};
  chl_table table;
  OK(chl_create_table(db, "t", &spec, &table));
  int64_t times[] = {30, 10, 20};
  int16_t n[] = {3, 1, 2};
  uint8_t on[] = {1, 0, 255}, valid[] = {0x5};
  int64_t offsets[] = {0, 2, 2, 7};
  /* By name: in any order. An int16 fits an int64. */
  chl_array arrays[] = {
      {"name", CHL_TYPE_UTF8, "abZürich", offsets, NULL},
      {"on", CHL_TYPE_BOOL, on, NULL, NULL},
      {"n", CHL_TYPE_I16, n, NULL, valid},
  };
  offsets[3] = 2 + (int64_t)strlen("Zürich");
  uint64_t appended = 0;
  OK(chl_append_columns(table, 3, times, arrays, 3, &appended));
  CHECK(appended == 3);
  struct ArrowArrayStream stream;
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &stream));
  struct ArrowArray rows = only_batch(&stream);
  struct ArrowArray **of = rows.children;
  CHECK(rows.length == 3 && int_at(of[0], 0) == 10 && int_at(of[0], 2) == 30);
  CHECK(is_null(of[1], 0) && int_at(of[1], 1) == 2 && int_at(of[1], 2) == 3);
  CHECK(text_is(of[3], 0, "") && text_is(of[3], 1, "Zürich") && text_is(of[3], 2, "ab"));
  rows.release(&rows);

  OK(chl_append_columns(table, 0, NULL, arrays, 3, &appended));
  CHECK(appended == 0);
  FAILS(CHL_ERROR_SCHEMA, "\"n\"", chl_append_columns(table, 3, times, arrays, 2, NULL));
  chl_array more[] = {arrays[0], arrays[1], arrays[2], {"x", CHL_TYPE_I16, n, NULL, NULL}};
  FAILS(CHL_ERROR_SCHEMA, "\"x\"", chl_append_columns(table, 3, times, more, 4, NULL));
  int64_t backwards[] = {0, 5, 2, 7}, below[] = {-1, 0, 0, 0};
  arrays[0].offsets = backwards;
  FAILS(CHL_ERROR_INVALID_INPUT, "backwards", chl_append_columns(table, 3, times, arrays, 3, NULL));
  arrays[0].offsets = below;
  FAILS(CHL_ERROR_INVALID_INPUT, "below 0", chl_append_columns(table, 3, times, arrays, 3, NULL));
  arrays[0].offsets = NULL;
  FAILS(CHL_ERROR_INVALID_INPUT, "needs offsets", chl_append_columns(table, 3, times, arrays, 3, NULL));
  arrays[0].offsets = offsets, arrays[0].values = "ab\xff\xff\xff\xff\xff\xff\xff";
  FAILS(CHL_ERROR_SCHEMA, "name", chl_append_columns(table, 3, times, arrays, 3, NULL));
  CHECK(rows_of(table) == 3);
  OK(chl_close(db));
}

void test_many_rows_of_arrays(const char *folder) {
  enum { ROWS = 200000 };
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  int64_t *times = malloc(ROWS * sizeof *times);
  double *values = malloc(ROWS * sizeof *values), sum = 0;
  for (int i = 0; i < ROWS; i++)
    times[i] = i, values[i] = sin(i), sum += values[i];
  chl_array array = {"v", CHL_TYPE_F64, values, NULL, NULL};
  OK(chl_append_columns(table, ROWS, times, &array, 1, NULL));
  free(times), free(values);
  OK(chl_flush(db));
  struct ArrowArrayStream stream;
  struct ArrowArray rows;
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &stream));
  double found = 0;
  int64_t count = 0;
  while (stream.get_next(&stream, &rows) == 0 && rows.release) {
    for (int64_t i = 0; i < rows.length; i++)
      found += float_at(rows.children[1], i);
    count += rows.length;
    rows.release(&rows);
  }
  stream.release(&stream);
  CHECK(count == ROWS && found == sum);
  OK(chl_close(db));
}

void test_sql_statements(const char *folder) {
  chl_db db = open_new(folder);
  uint64_t rows = 7;
  OK(chl_execute(db, "CREATE TABLE s (ts_ms INTEGER, temp REAL)", &rows));
  CHECK(rows == 0);
  OK(chl_execute(db, "INSERT INTO s VALUES (1, 20.5), (2, NULL)", &rows));
  CHECK(rows == 2);
  FAILS(CHL_ERROR_INVALID_INPUT, "", chl_execute(db, "DROP TABLE s", &rows));
  char **names;
  size_t count;
  OK(chl_tables(db, &names, &count));
  CHECK(count == 1 && !strcmp(names[0], "s"));
  chl_free_names(names, count);
  OK(chl_drop_table(db, "s"));
  OK(chl_tables(db, &names, &count));
  CHECK(count == 0 && !names);
  chl_free_names(names, count);
  OK(chl_close(db));
}
