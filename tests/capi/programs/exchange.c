/* A table with a key, text and nulls, written or printed: what the other language did is read. */
#include "../check.h"

static chl_table readings(chl_db db) {
  chl_column columns[] = {{"site", CHL_TYPE_UTF8, NULL},
                          {"temp", CHL_TYPE_F64, NULL},
                          {"count", CHL_TYPE_I64, NULL},
                          {"ok", CHL_TYPE_BOOL, NULL}};
  const char *key[] = {"site"};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 4, .key = key, .key_count = 1};
  spec.time_unit = CHL_UNIT_MICROSECOND;
  chl_table table;
  OK(chl_create_table(db, "readings", &spec, &table));
  return table;
}

static void write_rows(const char *path) {
  chl_db db;
  OK(chl_open(path, NULL, &db));
  chl_table table = readings(db);
  for (int i = 0; i < 1000; i++) {
    chl_value row[] = {chl_text(i % 3 ? "Zürich" : "oslo"), i % 7 ? chl_float(i / 4.0) : chl_null(),
                       i % 5 ? chl_int(i) : chl_null(), i % 11 ? chl_bool(i % 2) : chl_null()};
    OK(chl_append_row(table, i * 1000, row, 4, NULL));
  }
  OK(chl_close(db));
}

static void print_rows(const char *path) {
  chl_options options = {.size = sizeof options, .mode = CHL_MODE_READ};
  chl_db db;
  OK(chl_open(path, &options, &db));
  chl_table table;
  OK(chl_find_table(db, "readings", &table));
  struct ArrowArrayStream stream;
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &stream));
  struct ArrowArray rows;
  while (stream.get_next(&stream, &rows) == 0 && rows.release) {
    struct ArrowArray **of = rows.children;
    for (int64_t i = 0; i < rows.length; i++) {
      const int32_t *ends = (const int32_t *)of[1]->buffers[1] + of[1]->offset + i;
      printf("%" PRId64 "|%.*s|", int_at(of[0], i), ends[1] - ends[0], (const char *)of[1]->buffers[2] + ends[0]);
      is_null(of[2], i) ? printf("null|") : printf("%.17g|", float_at(of[2], i));
      is_null(of[3], i) ? printf("null|") : printf("%" PRId64 "|", int_at(of[3], i));
      int64_t bit = of[4]->offset + i;
      puts(is_null(of[4], i) ? "null" : ((const uint8_t *)of[4]->buffers[1])[bit / 8] >> (bit % 8) & 1 ? "true" : "false");
    }
    rows.release(&rows);
  }
  stream.release(&stream);
  OK(chl_close(db));
}

/* Appends rows without an end, from where the table ends; tells the number of each once it is in. */
static void append_rows(const char *path) {
  chl_db db;
  OK(chl_open(path, NULL, &db));
  chl_table table = simple_table(db);
  int64_t time = -1;
  chl_time_range(table, NULL, &time);
  for (;;) {
    double value = (double)++time;
    OK(chl_append_row_f64(table, time, &value, 1, NULL));
    printf("%" PRId64 "\n", time);
    if (time % 100 == 99) {
      fflush(stdout);
      if (time % 10000 == 9999)
        OK(chl_flush(db));
      if (time % 50000 == 49999)
        OK(chl_pack(db, NULL, 0, NULL));
    }
  }
}

static void print_figures(const char *path) {
  chl_options options = {.size = sizeof options, .mode = CHL_MODE_READ};
  chl_db db;
  char *text;
  OK(chl_open(path, &options, &db));
  OK(chl_stats(db, &text));
  puts(text);
  chl_free_text(text);
  OK(chl_verify(db, &text));
  puts(text);
  chl_free_text(text);
  OK(chl_close(db));
}

int main(int count, char **arguments) {
  CHECK(count == 3);
  const char *what = arguments[1], *path = arguments[2];
  if (!strcmp(what, "write"))
    write_rows(path);
  else if (!strcmp(what, "print"))
    print_rows(path);
  else if (!strcmp(what, "append"))
    append_rows(path);
  else if (!strcmp(what, "figures"))
    print_figures(path);
  else
    return 2;
  return 0;
}
