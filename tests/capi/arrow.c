/* Arrow structs in and out: who owns them, and those that are broken. */
#include "check.h"

/* A stream out of one table into another, and what is left of it. */
void test_a_stream_moves_from_table_to_table(const char *folder) {
  chl_db db = open_new(folder);
  chl_table from = simple_table(db), to;
  fill(from, 1000);
  chl_column columns[] = {{"v", CHL_TYPE_F64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  OK(chl_create_table(db, "copy", &spec, &to));
  struct ArrowArrayStream stream;
  uint64_t appended;
  OK(chl_scan(from, 100, CHL_NO_END, NULL, &stream));
  OK(chl_append_stream(to, &stream, &appended));
  CHECK(!stream.release && appended == 990 && rows_of(to) == 990);
  FAILS(CHL_ERROR_INVALID_INPUT, "already", chl_append_stream(to, &stream, &appended));
  OK(chl_close(db));
}

/* A schema and an array of all rows of a table. */
static void take(chl_table table, struct ArrowSchema *schema, struct ArrowArray *array) {
  struct ArrowArrayStream stream;
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &stream));
  CHECK(stream.get_schema(&stream, schema) == 0);
  *array = only_batch(&stream);
}

void test_an_array_is_taken_over_on_every_path(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db), other, none = {0};
  fill(table, 10);
  chl_column columns[] = {{"w", CHL_TYPE_F64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  OK(chl_create_table(db, "other", &spec, &other));
  struct ArrowSchema schema;
  struct ArrowArray array;
  uint64_t appended;
  take(table, &schema, &array);
  OK(chl_append_arrow(table, &schema, &array, &appended));
  CHECK(!schema.release && !array.release && appended == 10 && rows_of(table) == 20);
  /* A table of other columns; no table; no schema; no array. */
  take(table, &schema, &array);
  FAILS(CHL_ERROR_SCHEMA, "\"v\"", chl_append_arrow(other, &schema, &array, NULL));
  CHECK(!schema.release && !array.release);
  take(table, &schema, &array);
  ENDS(CHL_ERROR_CLOSED, chl_append_arrow(none, &schema, &array, NULL));
  CHECK(!schema.release && !array.release);
  take(table, &schema, &array);
  FAILS(CHL_ERROR_INVALID_INPUT, "schema is NULL", chl_append_arrow(table, NULL, &array, NULL));
  FAILS(CHL_ERROR_INVALID_INPUT, "array is NULL", chl_append_arrow(table, &schema, NULL, NULL));
  CHECK(!schema.release && !array.release);
  FAILS(CHL_ERROR_INVALID_INPUT, "already", chl_append_arrow(table, &schema, &array, NULL));
  CHECK(rows_of(table) == 20);
  OK(chl_close(db));
}

void test_arrays_outlive_the_database_and_streams_do_not(const char *folder) {
  chl_db db = open_new(folder);
  chl_column columns[] = {{"v", CHL_TYPE_F64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  spec.storage = CHL_STORAGE_RAW;
  chl_table table;
  OK(chl_create_table(db, "raw", &spec, &table));
  fill(table, 5000);
  OK(chl_flush(db));
  struct ArrowSchema schema;
  struct ArrowArray array;
  take(table, &schema, &array);
  schema.release(&schema);
  struct ArrowArrayStream begun, fresh;
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &fresh));
  OK(chl_scan(table, CHL_NO_START, CHL_NO_END, NULL, &begun));
  OK(chl_close(db));
  double sum = 0;
  for (int64_t i = 0; i < array.length; i++)
    sum += float_at(array.children[1], i);
  CHECK(sum == 4999 * 5000 / 2);
  /* A child may be moved out, and its parent released first. */
  struct ArrowArray child = *array.children[1];
  array.children[1]->release = NULL;
  array.release(&array);
  CHECK(float_at(&child, 4999) == 4999);
  child.release(&child);
  struct ArrowArray rows;
  ENDS(CHL_ERROR_INVALID_INPUT, chl_open(NULL, NULL, NULL));
  for (int again = 0; again < 3; again++) {
    CHECK(fresh.get_next(&fresh, &rows) != 0);
    CHECK(strstr(fresh.get_last_error(&fresh), "closed"));
    CHECK(chl_last_error()->status == CHL_ERROR_CLOSED && strstr(chl_last_error()->file, "test.chl"));
  }
  fresh.release(&fresh);
  begun.release(&begun);
}

/* An array that a caller made by hand, and what can be wrong with it. */
static int released;

static void release_array(struct ArrowArray *array) {
  released++;
  array->release = NULL;
}

static void release_schema(struct ArrowSchema *schema) {
  released++;
  schema->release = NULL;
}

struct made {
  int64_t times[4];
  double values[4];
  int32_t offsets[5];
  const void *time_buffers[2], *value_buffers[3], *none[1];
  struct ArrowArray time, value, rows, *children[2];
  struct ArrowSchema time_type, value_type, type, *types[2];
};

static void make(struct made *made, const char *format) {
  *made = (struct made){.times = {1, 2, 3, 4}, .values = {.5, 1.5, 2.5, 3.5}};
  made->time_buffers[1] = made->times, made->value_buffers[1] = made->values;
  made->time = (struct ArrowArray){.length = 4, .n_buffers = 2, .buffers = made->time_buffers, .release = release_array};
  made->value = (struct ArrowArray){.length = 4, .n_buffers = 2, .buffers = made->value_buffers, .release = release_array};
  made->children[0] = &made->time, made->children[1] = &made->value;
  made->rows = (struct ArrowArray){.length = 4, .n_buffers = 1, .buffers = made->none, .n_children = 2,
                                   .children = made->children, .release = release_array};
  made->time_type = (struct ArrowSchema){.format = "l", .name = "ts", .release = release_schema};
  made->value_type = (struct ArrowSchema){.format = format, .name = "v", .release = release_schema};
  made->types[0] = &made->time_type, made->types[1] = &made->value_type;
  made->type = (struct ArrowSchema){.format = "+s", .n_children = 2, .children = made->types, .release = release_schema};
  if (*format == 'u') {
    made->value_buffers[1] = made->offsets, made->value_buffers[2] = "abcd", made->value.n_buffers = 3;
    for (int i = 0; i < 5; i++)
      made->offsets[i] = i;
  }
}

void test_an_array_made_by_hand(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  struct made made;
  uint64_t appended;
  make(&made, "g");
  OK(chl_append_arrow(table, &made.type, &made.rows, &appended));
  CHECK(appended == 4 && !made.rows.release && !made.type.release && released == 2);
  make(&made, "g");
  made.rows.length = 2, made.rows.offset = 1;
  OK(chl_append_arrow(table, &made.type, &made.rows, &appended));
  CHECK(appended == 2);
  struct ArrowArrayStream stream;
  OK(chl_scan(table, 2, 4, NULL, &stream));
  struct ArrowArray rows = only_batch(&stream);
  CHECK(rows.length == 4 && float_at(rows.children[1], 0) == 1.5 && float_at(rows.children[1], 3) == 2.5);
  rows.release(&rows);
  OK(chl_close(db));
}

void test_broken_arrays_are_refused(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db), texts;
  chl_column columns[] = {{"v", CHL_TYPE_UTF8, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  OK(chl_create_table(db, "texts", &spec, &texts));
  struct made made;
  released = 0;
  int calls = 0;
#define REFUSED(format, change)                                                                    \
  do {                                                                                             \
    make(&made, format);                                                                           \
    change;                                                                                        \
    chl_table to = *format == 'u' ? texts : table;                                                 \
    chl_status status = chl_append_arrow(to, &made.type, &made.rows, NULL);                        \
    CHECK(status == CHL_ERROR_SCHEMA || status == CHL_ERROR_INVALID_INPUT);                        \
    CHECK(!made.rows.release && !made.type.release);                                               \
    calls++;                                                                                       \
  } while (0)
  REFUSED("g", made.rows.length = -1);
  REFUSED("g", made.rows.offset = -4);
  REFUSED("g", made.value.length = INT64_MIN);
  REFUSED("g", made.value.offset = INT64_MAX);
  REFUSED("g", made.value.length = INT64_MAX);
  REFUSED("g", made.value.length = 3);
  REFUSED("g", made.value.n_buffers = 0);
  REFUSED("g", made.value.n_buffers = 3);
  REFUSED("g", made.value.n_buffers = -1);
  REFUSED("g", made.value.n_buffers = INT64_MAX);
  REFUSED("g", made.value.buffers = NULL);
  REFUSED("g", made.value_buffers[1] = NULL);
  REFUSED("g", made.rows.n_children = 1);
  REFUSED("g", made.rows.n_children = 3);
  REFUSED("g", made.rows.n_children = -2);
  REFUSED("g", made.rows.children = NULL);
  REFUSED("g", made.children[1] = NULL);
  REFUSED("g", made.value.dictionary = &made.time);
  REFUSED("g", made.value.n_children = 1; made.value.children = made.children);
  REFUSED("g", made.type.format = NULL);
  REFUSED("g", made.type.format = "");
  REFUSED("g", made.value_type.format = "\xff\xfe");
  REFUSED("g", made.value_type.format = "nonsense");
  REFUSED("g", made.value_type.format = NULL);
  REFUSED("g", made.value_type.name = "\xff");
  REFUSED("g", made.type.n_children = -1);
  REFUSED("g", made.type.n_children = 3);
  REFUSED("g", made.type.children = NULL);
  REFUSED("g", made.types[1] = NULL);
  REFUSED("g", made.type.format = "l"; made.type.n_children = 0);
  REFUSED("g", made.value_type.format = "u"; made.value.n_buffers = 3; made.value_buffers[1] = NULL);
  REFUSED("u", made.offsets[4] = -1);
  REFUSED("u", made.offsets[2] = INT32_MIN);
  REFUSED("u", made.offsets[1] = 3);
  REFUSED("u", made.value_buffers[2] = NULL);
  REFUSED("u", made.value_buffers[2] = "\xff\xff\xff\xff");
  REFUSED("g", made.value_type.format = "+w:-1"; made.value_type.n_children = 1; made.value_type.children = made.types);
  REFUSED("g", made.value_type.format = "+r");
  REFUSED("g", made.value_type.format = "+vl");
  REFUSED("g", made.value_type.format = "+m");
  REFUSED("g", made.value_type.format = "+l"; made.value_type.n_children = 0);
  REFUSED("g", made.value_type.format = "w:-1");
  static const int32_t many[] = {2000000000, 1, 0}, overlong[] = {1, 2000000000, 0}, below[] = {-1};
  REFUSED("g", made.value_type.metadata = (const char *)many);
  REFUSED("g", made.value_type.metadata = (const char *)overlong);
  REFUSED("g", made.type.metadata = (const char *)below);
  CHECK(released == 2 * calls);
  CHECK(rows_of(table) == 0 && rows_of(texts) == 0);
  make(&made, "g");
  static const int32_t pair[] = {1, 4, 0x61626364, 0};
  made.value_type.metadata = (const char *)pair;
  OK(chl_append_arrow(table, &made.type, &made.rows, NULL));
  /* Handles that have ended, and a place that is not aligned. */
  make(&made, "g");
  chl_table gone = table;
  OK(chl_release_table(table));
  ENDS(CHL_ERROR_CLOSED, chl_append_arrow(gone, &made.type, &made.rows, NULL));
  CHECK(!made.rows.release && !made.type.release);
  static char bytes[sizeof(struct ArrowArray) + 8];
  make(&made, "g");
  FAILS(CHL_ERROR_INVALID_INPUT, "not aligned",
        chl_append_arrow(texts, &made.type, (struct ArrowArray *)(void *)(bytes + 1), NULL));
  OK(chl_close(db));
}

/* A stream whose producer fails. */
static int fail_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  (void)stream, (void)out;
  return 5;
}

static int made_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
  *out = ((struct made *)stream->private_data)->type;
  return 0;
}

static int made_once(struct ArrowArrayStream *stream, struct ArrowArray *out) {
  struct made *made = stream->private_data;
  *out = made->rows;
  made->rows.release = NULL;
  /* The second time it fails. */
  return out->release ? 0 : 5;
}

static const char *said(struct ArrowArrayStream *stream) {
  (void)stream;
  return "the cable was cut";
}

static void release_stream(struct ArrowArrayStream *stream) {
  released++;
  stream->release = NULL;
}

void test_streams_that_fail_append_nothing(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  struct made made;
  released = 0;
  make(&made, "g");
  struct ArrowArrayStream stream = {fail_schema, made_once, said, release_stream, &made};
  FAILS(CHL_ERROR_INVALID_INPUT, "the cable was cut", chl_append_stream(table, &stream, NULL));
  CHECK(!stream.release && released == 1);
  stream = (struct ArrowArrayStream){made_schema, made_once, NULL, release_stream, &made};
  FAILS(CHL_ERROR_INVALID_INPUT, "does not say why", chl_append_stream(table, &stream, NULL));
  CHECK(!stream.release && rows_of(table) == 0);
  stream = (struct ArrowArrayStream){NULL, NULL, NULL, release_stream, NULL};
  FAILS(CHL_ERROR_SCHEMA, "", chl_append_stream(table, &stream, NULL));
  CHECK(!stream.release);
  OK(chl_close(db));
}
