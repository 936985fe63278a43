/* What comes in: NULL, zero, negative, overlong, of other versions, not text. */
#include "check.h"

void test_null_is_refused_where_it_means_nothing(const char *folder) {
  chl_db db = open_new(folder), other;
  chl_table table = simple_table(db);
  chl_status bad = CHL_ERROR_INVALID_INPUT;
  struct ArrowArrayStream stream;
  struct ArrowSchema schema;
  struct ArrowArray array;
  uint64_t rows;
  chl_tail tail;

  FAILS(bad, "path is NULL", chl_open(NULL, NULL, &other));
  FAILS(bad, "path is empty", chl_open("", NULL, &other));
  FAILS(bad, "db is NULL", chl_open(in_folder(folder, "other.chl"), NULL, NULL));
  FAILS(bad, "name is NULL", chl_find_table(db, NULL, &table));
  FAILS(bad, "table is NULL", chl_find_table(db, "t", NULL));
  FAILS(bad, "spec is NULL", chl_create_table(db, "u", NULL, &table));
  FAILS(bad, "NULL", chl_tables(db, NULL, NULL));
  FAILS(bad, "name is NULL", chl_drop_table(db, NULL));
  FAILS(bad, "sql is NULL", chl_execute(db, NULL, NULL));
  FAILS(bad, "json is NULL", chl_stats(db, NULL));
  FAILS(bad, "schema is NULL", chl_schema(table, NULL));
  FAILS(bad, "json is NULL", chl_describe(table, NULL));
  FAILS(bad, "out is NULL", chl_scan(table, 0, 1, NULL, NULL));
  FAILS(bad, "out is NULL", chl_last(table, 1, NULL, 0, NULL));
  FAILS(bad, "out is NULL", chl_asof(table, 1, NULL, 0, NULL));
  FAILS(bad, "out is NULL", chl_aggregate(table, 0, 1, NULL, NULL, 0, 0, NULL));
  FAILS(bad, "options is NULL", chl_downsample(table, 0, 1, NULL, NULL, 0, &stream));
  FAILS(bad, "rows is NULL", chl_count(table, 0, 1, NULL, NULL));
  FAILS(bad, "values is NULL", chl_append_row(table, 1, NULL, 1, NULL));
  FAILS(bad, "values is NULL", chl_append_row_f64(table, 1, NULL, 1, NULL));
  FAILS(bad, "times is NULL", chl_append_columns(table, 1, NULL, NULL, 0, NULL));
  FAILS(bad, "schema is NULL", chl_append_arrow(table, NULL, NULL, NULL));
  FAILS(bad, "stream is NULL", chl_append_stream(table, NULL, NULL));
  FAILS(bad, "snapshot is NULL", chl_take_snapshot(db, NULL));
  FAILS(bad, "tail is NULL", chl_open_tail(table, 0, NULL));
  OK(chl_open_tail(table, 0, &tail));
  FAILS(bad, "array is NULL", chl_next_of_tail(tail, 0, &schema, NULL, NULL));
  FAILS(bad, "timeout_ms", chl_next_of_tail(tail, -2, &schema, &array, NULL));
  FAILS(bad, "source is NULL", chl_salvage(NULL, "x", NULL));
  FAILS(bad, "target is NULL", chl_salvage("x", NULL, NULL));
  chl_free_text(NULL);
  chl_free_names(NULL, 7);
  OK(chl_count(table, CHL_NO_START, CHL_NO_END, NULL, &rows));
  CHECK(rows == 0);
  OK(chl_close(db));
}

void test_counts_that_no_memory_has_are_refused(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  size_t counts[] = {(size_t)-1, (size_t)-8, SIZE_MAX / 2, SIZE_MAX / 8 + 1, (size_t)1 << 50,
                     (size_t)1 << 46, (size_t)1 << 41};
  double value = 1;
  chl_value cell = chl_float(1);
  int64_t time = 1;
  const char *name = "v";
  chl_wanted wanted = {"v", CHL_SUM};
  chl_array array = {"v", CHL_TYPE_F64, &value, NULL, NULL};
  struct ArrowArrayStream stream;
  chl_status bad = CHL_ERROR_INVALID_INPUT;
  for (size_t i = 0; i < COUNT(counts); i++) {
    size_t count = counts[i];
    chl_scan_options columns = {.size = sizeof columns, .columns = &name, .column_count = count};
    chl_scan_options key = {.size = sizeof key, .key = &cell, .key_count = count};
    chl_table_spec spec = {.size = sizeof spec, .key = &name, .key_count = count};
    chl_table other;
    FAILS(bad, "no memory", chl_append_row_f64(table, 1, &value, count, NULL));
    FAILS(bad, "no memory", chl_append_row(table, 1, &cell, count, NULL));
    FAILS(bad, "no memory", chl_append_columns(table, count, &time, &array, 1, NULL));
    FAILS(bad, "no memory", chl_append_columns(table, 1, &time, &array, count, NULL));
    FAILS(bad, "no memory", chl_scan(table, 0, 1, &columns, &stream));
    FAILS(bad, "no memory", chl_scan(table, 0, 1, &key, &stream));
    FAILS(bad, "no memory", chl_delete(table, 0, 1, &cell, count));
    FAILS(bad, "no memory", chl_aggregate(table, 0, 1, NULL, &wanted, count, 0, &stream));
    FAILS(bad, "no memory", chl_create_table(db, "u", &spec, &other));
    chl_value blob = chl_blob("x", count);
    FAILS(bad, "no memory", chl_append_row(table, 1, &blob, 1, NULL));
  }
  /* More than a table may have, though memory may. */
  static double wide[5000];
  FAILS(CHL_ERROR_SCHEMA, "4096", chl_append_row_f64(table, 1, wide, COUNT(wide), NULL));
  CHECK(rows_of(table) == 0);
  OK(chl_close(db));
}

void test_structs_of_other_versions(const char *folder) {
  struct {
    chl_options options;
    uint64_t more;
  } newer = {.options = {.size = sizeof newer}};
  chl_db db;
  const char *path = in_folder(folder, "test.chl");
  /* An older one ends early: what it does not have is the default. */
  chl_options older = {.size = offsetof(chl_options, mode), .mode = 99};
  OK(chl_open(path, &older, &db));
  OK(chl_close(db));
  OK(chl_open(path, &newer.options, &db));
  OK(chl_close(db));
  newer.more = 1;
  FAILS(CHL_ERROR_INVALID_INPUT, "does not know", chl_open(path, &newer.options, &db));
  size_t sizes[] = {0, 1, 7, 12, sizeof(chl_options) - 3, 5000, SIZE_MAX};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    chl_options wrong = {.size = sizes[i]};
    FAILS(CHL_ERROR_INVALID_INPUT, "sizeof", chl_open(path, &wrong, &db));
  }
}

void test_numbers_that_mean_nothing_are_refused(const char *folder) {
  chl_status bad = CHL_ERROR_INVALID_INPUT;
  chl_db db;
  const char *path = in_folder(folder, "test.chl");
  chl_options mode = {.size = sizeof mode, .mode = 7};
  FAILS(bad, "options.mode is one of CHL_MODE_READ_WRITE (0), CHL_MODE_READ (1), not 7", chl_open(path, &mode, &db));
  chl_options durability = {.size = sizeof durability, .durability = -1};
  FAILS(bad, "options.durability", chl_open(path, &durability, &db));
  db = open_new(folder);
  chl_table table = simple_table(db), other;
  chl_column columns[] = {{"v", 77, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  FAILS(bad, "column \"v\"", chl_create_table(db, "u", &spec, &other));
  columns[0].type = CHL_TYPE_F64;
  spec.time_unit = 9;
  FAILS(bad, "time_unit", chl_create_table(db, "u", &spec, &other));
  spec.time_unit = 0, spec.on_conflict = 4;
  FAILS(bad, "on_conflict", chl_create_table(db, "u", &spec, &other));
  spec.on_conflict = 0, spec.storage = 4;
  FAILS(bad, "storage", chl_create_table(db, "u", &spec, &other));
  spec.storage = 0, spec.reserved = 1;
  FAILS(bad, "reserved", chl_create_table(db, "u", &spec, &other));
  spec.reserved = 0, columns[0].codec = "mp3";
  FAILS(CHL_ERROR_SCHEMA, "mp3", chl_create_table(db, "u", &spec, &other));
  chl_value value = {.kind = 99};
  FAILS(bad, "chl_kind", chl_append_row(table, 1, &value, 1, NULL));
  FAILS(bad, "column_type", chl_add_column(table, "w", 0, NULL));
  struct ArrowArrayStream stream;
  chl_wanted wanted = {"v", 44};
  FAILS(bad, "kind", chl_aggregate(table, 0, 1, NULL, &wanted, 1, 0, &stream));
  wanted.kind = CHL_SUM;
  chl_downsample_options every = {.size = sizeof every, .every = 10, .fill = 17};
  FAILS(bad, "fill", chl_downsample(table, 0, 1, &every, &wanted, 1, &stream));
  every.fill = 0, every.origin = -3;
  FAILS(bad, "origin", chl_downsample(table, 0, 1, &every, &wanted, 1, &stream));
  every.origin = 0, every.every = 0;
  FAILS(bad, "every", chl_downsample(table, 0, 1, &every, &wanted, 1, &stream));
  every.every = INT64_MIN;
  FAILS(bad, "every", chl_downsample(table, 0, 1, &every, &wanted, 1, &stream));
  OK(chl_close(db));
}

void test_text_is_utf8_and_names_are_names(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db), other;
  FAILS(CHL_ERROR_INVALID_INPUT, "not UTF-8", chl_find_table(db, "\xff\xfe", &other));
  chl_table_spec spec = {.size = sizeof spec};
  FAILS(CHL_ERROR_SCHEMA, "name", chl_create_table(db, "", &spec, &other));
  char longest[400];
  memset(longest, 'x', sizeof longest);
  longest[399] = 0;
  FAILS(CHL_ERROR_SCHEMA, "255", chl_create_table(db, longest, &spec, &other));
  chl_scan_options where = {.size = sizeof where, .where = "v >"};
  struct ArrowArrayStream stream;
  FAILS(CHL_ERROR_INVALID_INPUT, "", chl_scan(table, 0, 1, &where, &stream));
  where.where = "w > 1";
  FAILS(CHL_ERROR_SCHEMA, "\"w\"", chl_scan(table, 0, 1, &where, &stream));
  const char *twice[] = {"v", "v"};
  chl_scan_options columns = {.size = sizeof columns, .columns = twice, .column_count = 2};
  FAILS(CHL_ERROR_INVALID_INPUT, "twice", chl_scan(table, 0, 1, &columns, &stream));
  chl_value text = chl_text("\xc3\x28");
  FAILS(CHL_ERROR_SCHEMA, "UTF-8", chl_append_row(table, 1, &text, 1, NULL));
  OK(chl_close(db));
}
