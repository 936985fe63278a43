/* What the tests share: checks that say where they stand, a database in a folder of the test's own, and
 * readers of Arrow arrays. Each test is a function `test_x(const char *folder)` that is listed in
 * `main.c`. */
#ifndef CHECK_H
#define CHECK_H

#include <chronolite.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      const chl_error *said = chl_last_error();                                                    \
      fprintf(stderr, "%s:%d: %s\n  last error: %s: %s\n", __FILE__, __LINE__, #condition,         \
              chl_status_name(said->status), said->message);                                       \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

/* The call ends so. */
#define ENDS(status, call) CHECK((call) == (status))
#define OK(call) ENDS(CHL_OK, call)

/* The call fails so, and says so: its message holds a text. */
#define FAILS(wanted, text, call)                                                                  \
  do {                                                                                             \
    ENDS(wanted, call);                                                                            \
    CHECK(chl_last_error()->status == (wanted));                                                   \
    CHECK(strstr(chl_last_error()->message, text));                                                \
  } while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline const char *in_folder(const char *folder, const char *name) {
  static _Thread_local char paths[4][1024];
  static _Thread_local unsigned turn;
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* A new database. */
static inline chl_db open_new(const char *folder) {
  chl_db db = {0};
  OK(chl_open(in_folder(folder, "test.chl"), NULL, &db));
  return db;
}

/* A table `t` of one float column `v`. */
static inline chl_table simple_table(chl_db db) {
  chl_column columns[] = {{"v", CHL_TYPE_F64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  chl_table table = {0};
  OK(chl_create_table(db, "t", &spec, &table));
  return table;
}

/* Rows of such a table at the times 0, 10, 20 ..., with these numbers as values. */
static inline void fill(chl_table table, size_t rows) {
  for (size_t row = 0; row < rows; row++) {
    double value = (double)row;
    OK(chl_append_row_f64(table, (int64_t)row * 10, &value, 1, NULL));
  }
}

static inline uint64_t rows_of(chl_table table) {
  uint64_t rows = UINT64_MAX;
  OK(chl_count(table, CHL_NO_START, CHL_NO_END, NULL, &rows));
  return rows;
}

/* All rows of a stream, as an array of its own; the stream is released. The arrays of the tests fit
 * into one batch. */
static inline struct ArrowArray only_batch(struct ArrowArrayStream *stream) {
  struct ArrowArray first, rest;
  CHECK(stream->get_next(stream, &first) == 0);
  CHECK(first.release);
  CHECK(stream->get_next(stream, &rest) == 0);
  CHECK(!rest.release);
  stream->release(stream);
  CHECK(!stream->release);
  return first;
}

static inline bool is_null(const struct ArrowArray *column, int64_t row) {
  const uint8_t *bits = column->buffers[0];
  int64_t at = row + column->offset;
  return bits && !(bits[at / 8] >> (at % 8) & 1);
}

static inline int64_t int_at(const struct ArrowArray *column, int64_t row) {
  return ((const int64_t *)column->buffers[1])[row + column->offset];
}

static inline double float_at(const struct ArrowArray *column, int64_t row) {
  return ((const double *)column->buffers[1])[row + column->offset];
}

static inline bool text_is(const struct ArrowArray *column, int64_t row, const char *text) {
  const int32_t *offsets = (const int32_t *)column->buffers[1] + column->offset + row;
  size_t size = (size_t)(offsets[1] - offsets[0]);
  return size == strlen(text) && !memcmp((const char *)column->buffers[2] + offsets[0], text, size);
}

#endif
