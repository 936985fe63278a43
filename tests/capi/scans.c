/* Ranges, and what they come to. */
#include "check.h"

static struct ArrowArray scanned(chl_table table, int64_t start, int64_t end, const chl_scan_options *options) {
  struct ArrowArrayStream stream;
  OK(chl_scan(table, start, end, options, &stream));
  return only_batch(&stream);
}

void test_ranges_are_half_open(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  fill(table, 10);
  struct ArrowArray rows = scanned(table, 20, 50, NULL);
  CHECK(rows.length == 3 && int_at(rows.children[0], 0) == 20 && int_at(rows.children[0], 2) == 40);
  rows.release(&rows);
  double end = 1;
  OK(chl_append_row_f64(table, INT64_MAX, &end, 1, NULL));
  rows = scanned(table, 90, CHL_NO_END, NULL);
  CHECK(rows.length == 2 && int_at(rows.children[0], 1) == INT64_MAX);
  rows.release(&rows);
  uint64_t count;
  OK(chl_count(table, 50, 20, NULL, &count));
  CHECK(count == 0);
  int64_t first, last;
  OK(chl_time_range(table, &first, &last));
  CHECK(first == 0 && last == INT64_MAX);
  OK(chl_time_range(table, NULL, NULL));
  OK(chl_close(db));
}

void test_what_is_read(const char *folder) {
  chl_db db = open_new(folder);
  chl_column columns[] = {{"site", CHL_TYPE_UTF8, NULL}, {"v", CHL_TYPE_F64, NULL}};
  const char *key[] = {"site"}, *v_then_ts[] = {"v", "ts"};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 2, .key = key, .key_count = 1};
  chl_table table;
  OK(chl_create_table(db, "t", &spec, &table));
  for (int i = 0; i < 10; i++) {
    chl_value row[] = {chl_text(i % 2 ? "odd" : "even"), chl_float(i)};
    OK(chl_append_row(table, i, row, 2, NULL));
  }
  chl_scan_options options = {.size = sizeof options};
  options.columns = v_then_ts, options.column_count = 2;
  struct ArrowArray rows = scanned(table, CHL_NO_START, CHL_NO_END, &options);
  CHECK(rows.n_children == 2 && float_at(rows.children[0], 9) == 9 && int_at(rows.children[1], 9) == 9);
  rows.release(&rows);
  options.column_count = 0;
  rows = scanned(table, CHL_NO_START, CHL_NO_END, &options);
  CHECK(rows.n_children == 1 && rows.length == 10);
  rows.release(&rows);

  chl_value odd = chl_text("odd");
  chl_scan_options filtered = {.size = sizeof filtered, .key = &odd, .key_count = 1, .where = "v > 2"};
  filtered.limit = 2, filtered.reverse = 1;
  rows = scanned(table, CHL_NO_START, CHL_NO_END, &filtered);
  CHECK(rows.length == 2 && int_at(rows.children[0], 0) == 9 && int_at(rows.children[0], 1) == 7);
  rows.release(&rows);
  uint64_t count;
  filtered.limit = 0;
  OK(chl_count(table, CHL_NO_START, CHL_NO_END, &filtered, &count));
  CHECK(count == 4);
  OK(chl_close(db));
}

void test_last_and_as_of(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  ENDS(CHL_NONE, chl_time_range(table, NULL, NULL));
  fill(table, 5);
  struct ArrowArrayStream stream;
  OK(chl_last(table, 2, NULL, 0, &stream));
  struct ArrowArray rows = only_batch(&stream);
  CHECK(rows.length == 2 && int_at(rows.children[0], 0) == 30 && int_at(rows.children[0], 1) == 40);
  rows.release(&rows);
  OK(chl_asof(table, 35, NULL, 0, &stream));
  rows = only_batch(&stream);
  CHECK(rows.length == 1 && int_at(rows.children[0], 0) == 30);
  rows.release(&rows);
  OK(chl_asof(table, -1, NULL, 0, &stream));
  CHECK(stream.get_next(&stream, &rows) == 0 && !rows.release);
  stream.release(&stream);
  OK(chl_close(db));
}

void test_aggregates(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  fill(table, 11);
  chl_wanted wanted[] = {{"v", CHL_MEAN}, {"v", CHL_COUNT}, {"ts", CHL_MAX}, {"v", CHL_SUM}};
  struct ArrowArrayStream stream;
  OK(chl_aggregate(table, CHL_NO_START, CHL_NO_END, NULL, wanted, 3, 0, &stream));
  struct ArrowSchema schema;
  CHECK(stream.get_schema(&stream, &schema) == 0);
  CHECK(!strcmp(schema.children[0]->name, "v_mean") && !strcmp(schema.children[2]->name, "ts_max"));
  schema.release(&schema);
  struct ArrowArray row = only_batch(&stream);
  CHECK(row.length == 1 && float_at(row.children[0], 0) == 5 && int_at(row.children[1], 0) == 11);
  CHECK(int_at(row.children[2], 0) == 100);
  row.release(&row);
  chl_scan_options some = {.size = sizeof some, .where = "v >= 9"};
  OK(chl_aggregate(table, CHL_NO_START, CHL_NO_END, &some, wanted + 3, 1, 1, &stream));
  row = only_batch(&stream);
  CHECK(float_at(row.children[0], 0) == 19);
  row.release(&row);
  chl_column columns[] = {{"n", CHL_TYPE_I64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  chl_table large;
  OK(chl_create_table(db, "large", &spec, &large));
  chl_value most[] = {chl_int(INT64_MAX)};
  OK(chl_append_row(large, 1, most, 1, NULL));
  OK(chl_append_row(large, 2, most, 1, NULL));
  chl_wanted total = {"n", CHL_SUM};
  FAILS(CHL_ERROR_OVERFLOW, "\"n_sum\"", chl_aggregate(large, 0, 9, NULL, &total, 1, 0, &stream));
  wanted[0].column = "w";
  FAILS(CHL_ERROR_SCHEMA, "\"w\"", chl_aggregate(table, 0, 1, NULL, wanted, 1, 0, &stream));
  OK(chl_close(db));
}

void test_downsampling(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  double values[] = {1, 2, 10};
  int64_t times[] = {0, 5, 25};
  for (size_t i = 0; i < 3; i++)
    OK(chl_append_row_f64(table, times[i], &values[i], 1, NULL));
  chl_wanted wanted[] = {{"v", CHL_MEAN}};
  chl_downsample_options every = {.size = sizeof every, .every = 10};
  struct ArrowArrayStream stream;
  OK(chl_downsample(table, CHL_NO_START, CHL_NO_END, &every, wanted, 1, &stream));
  struct ArrowArray rows = only_batch(&stream);
  CHECK(rows.length == 2 && int_at(rows.children[0], 1) == 20 && float_at(rows.children[1], 0) == 1.5);
  rows.release(&rows);
  every.fill = CHL_FILL_LINEAR, every.origin = CHL_ORIGIN_AT, every.origin_time = -5;
  OK(chl_downsample(table, CHL_NO_START, CHL_NO_END, &every, wanted, 1, &stream));
  rows = only_batch(&stream);
  CHECK(rows.length == 4 && int_at(rows.children[0], 0) == -5 && float_at(rows.children[1], 1) == 2);
  rows.release(&rows);
  every.fill = CHL_FILL_FLOAT, every.fill_number = 0.25, every.origin = 0, every.where = "v < 100";
  OK(chl_downsample(table, CHL_NO_START, CHL_NO_END, &every, wanted, 1, &stream));
  rows = only_batch(&stream);
  CHECK(rows.length == 3 && float_at(rows.children[1], 1) == 0.25);
  rows.release(&rows);
  every.tz = "Mars/Base";
  FAILS(CHL_ERROR_INVALID_INPUT, "Mars", chl_downsample(table, 0, 9, &every, wanted, 1, &stream));
  OK(chl_close(db));
}

void test_snapshots_show_their_moment(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db), then;
  fill(table, 3);
  chl_snapshot snapshot;
  OK(chl_take_snapshot(db, &snapshot));
  OK(chl_delete(table, CHL_NO_START, CHL_NO_END, NULL, 0));
  OK(chl_snapshot_table(snapshot, "t", &then));
  CHECK(rows_of(table) == 0 && rows_of(then) == 3);
  double value = 1;
  FAILS(CHL_ERROR_READ_ONLY, "snapshot", chl_append_row_f64(then, 1, &value, 1, NULL));
  OK(chl_drop_table(db, "t"));
  CHECK(rows_of(then) == 3);
  uint64_t rows;
  ENDS(CHL_ERROR_TABLE_NOT_FOUND, chl_count(table, 0, 1, NULL, &rows));
  FAILS(CHL_ERROR_TABLE_NOT_FOUND, "nope", chl_snapshot_table(snapshot, "nope", &then));
  OK(chl_close(db));
}

void test_columns_that_are_added(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  fill(table, 2);
  OK(chl_add_column(table, "site", CHL_TYPE_UTF8, "dictionary"));
  FAILS(CHL_ERROR_SCHEMA, "site", chl_add_column(table, "site", CHL_TYPE_UTF8, NULL));
  chl_value row[] = {chl_float(9), chl_text("a")};
  OK(chl_append_row(table, 100, row, 2, NULL));
  struct ArrowSchema schema;
  OK(chl_schema(table, &schema));
  CHECK(schema.n_children == 3 && !strcmp(schema.children[2]->name, "site"));
  schema.release(&schema);
  char *json;
  OK(chl_describe(table, &json));
  CHECK(strstr(json, "\"time_unit\":\"ms\"") && strstr(json, "\"codec\":\"dictionary\"") && strstr(json, "\"key\":[]"));
  chl_free_text(json);
  struct ArrowArray rows = scanned(table, CHL_NO_START, CHL_NO_END, NULL);
  CHECK(is_null(rows.children[2], 0) && text_is(rows.children[2], 2, "a"));
  rows.release(&rows);
  OK(chl_close(db));
}
