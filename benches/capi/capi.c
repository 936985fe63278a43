/* The C side of `capi.rs`: nanoseconds for a row appended, and for 100,000 points scanned. */
#define _POSIX_C_SOURCE 200809L
#include <chronolite.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROWS 500000
#define TURNS 100
#define POINTS 100000
#define SCANS 200

static void check(int good) {
  if (!good) {
    fprintf(stderr, "%s\n", chl_last_error()->message);
    exit(1);
  }
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

static double median(double *each) {
  qsort(each, TURNS, sizeof *each, by_size);
  return each[TURNS / 2];
}

static chl_table made(chl_db db, const char *name, size_t width) {
  chl_column columns[] = {{"a", CHL_TYPE_F64, NULL}, {"b", CHL_TYPE_F64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = width};
  chl_table table;
  check(chl_create_table(db, name, &spec, &table) == CHL_OK);
  return table;
}

int main(int argc, char **argv) {
  (void)argc;
  chl_options options = {.size = sizeof options, .durability = CHL_DURABILITY_NONE};
  chl_db db;
  check(chl_open(argv[1], &options, &db) == CHL_OK);
  chl_table rows = made(db, "rows", 2), points = made(db, "points", 1);

  static double each[TURNS];
  double began;
  int64_t row = 0;
  for (int turn = 0; turn < TURNS; turn++) {
    began = now();
    for (int64_t end = row + ROWS / TURNS; row < end; row++) {
      chl_value values[] = {chl_float((double)row), chl_float(0.5)};
      check(chl_append_row(rows, row * 1000, values, 2, NULL) == CHL_OK);
    }
    each[turn] = (now() - began) / (ROWS / TURNS);
  }
  printf("%.2f\n", median(each));
  for (int turn = 0; turn < TURNS; turn++) {
    began = now();
    for (int64_t end = row + ROWS / TURNS; row < end; row++) {
      double values[] = {(double)row, 0.5};
      check(chl_append_row_f64(rows, row * 1000, values, 2, NULL) == CHL_OK);
    }
    each[turn] = (now() - began) / (ROWS / TURNS);
  }
  printf("%.2f\n", median(each));

  int64_t *times = malloc(POINTS * sizeof *times);
  double *values = malloc(POINTS * sizeof *values), sum = 0;
  for (int64_t i = 0; i < POINTS; i++)
    times[i] = i * 1000, values[i] = (double)(i % 1000) / 10;
  chl_array array = {"a", CHL_TYPE_F64, values, NULL, NULL};
  check(chl_append_columns(points, POINTS, times, &array, 1, NULL) == CHL_OK);
  check(chl_flush(db) == CHL_OK);
  double best = 1e18;
  for (int scan = 0; scan < SCANS; scan++) {
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    began = now();
    check(chl_scan(points, CHL_NO_START, CHL_NO_END, NULL, &stream) == CHL_OK);
    while (check(stream.get_next(&stream, &batch) == 0), batch.release) {
      const struct ArrowArray *column = batch.children[1];
      const double *found = (const double *)column->buffers[1] + column->offset;
      for (int64_t row = 0; row < batch.length; row += 1000)
        sum += found[row];
      batch.release(&batch);
    }
    stream.release(&stream);
    best = now() - began < best ? now() - began : best;
  }
  printf("%.2f\n", best);
  fprintf(stderr, sum < 0 ? "?" : "");
  check(chl_close(db) == CHL_OK);
  return 0;
}
