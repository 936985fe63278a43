/* Handles: good, ended, never given, of something else; and what a call says of itself. */
#include "check.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void test_versions_and_names(const char *folder) {
  (void)folder;
  CHECK(!strcmp(chl_version(), CHL_VERSION));
  CHECK(!strcmp(chl_status_name(CHL_OK), "CHL_OK"));
  CHECK(!strcmp(chl_status_name(CHL_ERROR_LOCKED), "CHL_ERROR_LOCKED"));
  CHECK(!strcmp(chl_status_name(99), "?"));
  const chl_error *none = chl_last_error();
  CHECK(none->status == CHL_OK && !strcmp(none->message, "") && !none->file && none->offset == -1);
}

/* Every call with handles that are none: each answers, none does anything. */
static void all_answer(chl_status wanted, chl_db db, chl_table table, chl_snapshot snapshot, chl_tail tail) {
  /* Whatever a call would write to, it leaves as it was. */
  struct {
    char **names, *text;
    size_t count;
    uint64_t number;
    int64_t first, last;
    chl_table other;
    chl_snapshot moment;
    chl_tail feed;
    struct ArrowSchema schema;
    struct ArrowArray array;
    struct ArrowArrayStream stream;
  } out, before;
  memset(&out, 0x5a, sizeof out);
  before = out;
  double value = 1;
  chl_column columns[] = {{"v", CHL_TYPE_F64, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 1};
  chl_downsample_options every = {.size = sizeof every, .every = 10};
  chl_wanted wants[] = {{"v", CHL_SUM}};
  chl_value values[] = {chl_float(1)};
  int64_t time = 1;

  ENDS(wanted, chl_flush(db));
  ENDS(wanted, chl_refresh(db));
  ENDS(wanted, chl_tables(db, &out.names, &out.count));
  ENDS(wanted, chl_drop_table(db, "t"));
  ENDS(wanted, chl_execute(db, "create table x (ts_ms integer, v real)", &out.number));
  ENDS(wanted, chl_pack(db, NULL, 0, &out.text));
  ENDS(wanted, chl_compact(db));
  ENDS(wanted, chl_apply_retention(db));
  ENDS(wanted, chl_stats(db, &out.text));
  ENDS(wanted, chl_verify(db, &out.text));
  ENDS(wanted, chl_create_table(db, "t", &spec, &out.other));
  ENDS(wanted, chl_find_table(db, "t", &out.other));
  ENDS(wanted, chl_take_snapshot(db, &out.moment));
  ENDS(wanted, chl_schema(table, &out.schema));
  ENDS(wanted, chl_describe(table, &out.text));
  ENDS(wanted, chl_add_column(table, "w", CHL_TYPE_I8, NULL));
  ENDS(wanted, chl_time_range(table, &out.first, &out.last));
  ENDS(wanted, chl_delete(table, 0, 1, NULL, 0));
  ENDS(wanted, chl_retain_age(table, 1));
  ENDS(wanted, chl_retain_from(table, 1));
  ENDS(wanted, chl_append_row(table, 1, values, 1, NULL));
  ENDS(wanted, chl_append_row_f64(table, 1, &value, 1, NULL));
  ENDS(wanted, chl_append_columns(table, 1, &time, NULL, 0, NULL));
  ENDS(wanted, chl_scan(table, 0, 1, NULL, &out.stream));
  ENDS(wanted, chl_count(table, 0, 1, NULL, &out.number));
  ENDS(wanted, chl_last(table, 1, NULL, 0, &out.stream));
  ENDS(wanted, chl_asof(table, 1, NULL, 0, &out.stream));
  ENDS(wanted, chl_aggregate(table, 0, 1, NULL, wants, 1, 0, &out.stream));
  ENDS(wanted, chl_downsample(table, 0, 1, &every, wants, 1, &out.stream));
  ENDS(wanted, chl_open_tail(table, 0, &out.feed));
  ENDS(wanted, chl_snapshot_table(snapshot, "t", &out.other));
  ENDS(wanted, chl_next_of_tail(tail, 0, &out.schema, &out.array, &out.number));
  CHECK(!memcmp(&out, &before, sizeof out));
}

static void none_ends(chl_db db, chl_table table, chl_snapshot snapshot, chl_tail tail) {
  ENDS(CHL_ERROR_CLOSED, chl_close(db));
  ENDS(CHL_ERROR_CLOSED, chl_release_table(table));
  ENDS(CHL_ERROR_CLOSED, chl_release_snapshot(snapshot));
  ENDS(CHL_ERROR_CLOSED, chl_interrupt_tail(tail));
  ENDS(CHL_ERROR_CLOSED, chl_close_tail(tail));
}

void test_handles_that_are_none_are_answered(const char *folder) {
  (void)folder;
  uint64_t ids[] = {0, 1, 7, UINT64_C(1) << 32, UINT64_C(0xdeadbeefdeadbeef), UINT64_MAX};
  for (size_t i = 0; i < COUNT(ids); i++) {
    chl_db db = {ids[i]};
    chl_table table = {ids[i]};
    chl_snapshot snapshot = {ids[i]};
    chl_tail tail = {ids[i]};
    all_answer(CHL_ERROR_CLOSED, db, table, snapshot, tail);
    none_ends(db, table, snapshot, tail);
  }
  FAILS(CHL_ERROR_CLOSED, "never set", chl_flush((chl_db){0}));
}

void test_closing_ends_all_handles(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  chl_snapshot snapshot;
  chl_tail tail;
  OK(chl_take_snapshot(db, &snapshot));
  OK(chl_open_tail(table, 0, &tail));
  OK(chl_close(db));
  all_answer(CHL_ERROR_CLOSED, db, table, snapshot, tail);
  none_ends(db, table, snapshot, tail);

  /* Another one gets other numbers. */
  chl_db again = open_new(folder);
  CHECK(again.id != db.id);
  FAILS(CHL_ERROR_CLOSED, "was closed", chl_flush(db));
  OK(chl_flush(again));
  OK(chl_close(again));
}

void test_released_handles_end_alone(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db), same;
  OK(chl_find_table(db, "t", &same));
  CHECK(same.id != table.id);
  OK(chl_release_table(table));
  ENDS(CHL_ERROR_CLOSED, chl_release_table(table));
  fill(same, 3);
  chl_snapshot snapshot;
  OK(chl_take_snapshot(db, &snapshot));
  chl_table then;
  OK(chl_snapshot_table(snapshot, "t", &then));
  OK(chl_release_snapshot(snapshot));
  ENDS(CHL_ERROR_CLOSED, chl_release_snapshot(snapshot));
  CHECK(rows_of(then) == 3);
  OK(chl_close(db));
}

/* What was released is gone, though a thread wrote to it last. */
void test_nothing_is_kept_by_the_thread_that_wrote_last(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db), then;
  enum { ROWS = 200000 };
  int64_t *times = calloc(ROWS, sizeof *times);
  double *values = calloc(ROWS, sizeof *values);
  for (int i = 0; i < ROWS; i++)
    times[i] = i, values[i] = rand();
  chl_array array = {"v", CHL_TYPE_F64, values, NULL, NULL};
  OK(chl_append_columns(table, ROWS, times, &array, 1, NULL));
  OK(chl_flush(db));
  free(times), free(values);
  chl_snapshot snapshot;
  OK(chl_take_snapshot(db, &snapshot));
  OK(chl_snapshot_table(snapshot, "t", &then));
  double value = 1;
  ENDS(CHL_ERROR_READ_ONLY, chl_append_row_f64(then, 1, &value, 1, NULL));
  OK(chl_release_table(then));
  OK(chl_release_snapshot(snapshot));
  OK(chl_delete(table, CHL_NO_START, CHL_NO_END, NULL, 0));
  OK(chl_compact(db));
  struct stat file;
  CHECK(!stat(in_folder(folder, "test.chl"), &file) && file.st_blocks * 512 < 100000);
  OK(chl_close(db));
}

void test_a_failed_call_writes_nothing(const char *folder) {
  chl_db db = {UINT64_C(77)};
  ENDS(CHL_ERROR_IO, chl_open(in_folder(folder, "missing/folder/x.chl"), NULL, &db));
  CHECK(db.id == 77);
  CHECK(chl_last_error()->os_error == 2 && strstr(chl_last_error()->file, "missing/folder"));
  db = open_new(folder);
  chl_table table = {UINT64_C(78)};
  FAILS(CHL_ERROR_TABLE_NOT_FOUND, "no table \"nope\"", chl_find_table(db, "nope", &table));
  CHECK(table.id == 78);
  /* What succeeds leaves the error as it is. */
  OK(chl_flush(db));
  CHECK(chl_last_error()->status == CHL_ERROR_TABLE_NOT_FOUND);
  OK(chl_close(db));
}

void test_a_database_is_written_to_by_one(const char *folder) {
  chl_db db = open_new(folder), other;
  FAILS(CHL_ERROR_LOCKED, "open", chl_open(in_folder(folder, "test.chl"), NULL, &other));
  CHECK(chl_last_error()->pid == (uint32_t)getpid());
  chl_table table = simple_table(db);
  fill(table, 5);
  chl_options reading = {.size = sizeof reading, .mode = CHL_MODE_READ};
  chl_db reader;
  OK(chl_open(in_folder(folder, "test.chl"), &reading, &reader));
  chl_table theirs;
  OK(chl_find_table(reader, "t", &theirs));
  CHECK(rows_of(theirs) == 5);
  fill(table, 2);
  OK(chl_refresh(reader));
  CHECK(rows_of(theirs) == 7);
  double value = 1;
  FAILS(CHL_ERROR_READ_ONLY, "reading only", chl_append_row_f64(theirs, 1, &value, 1, NULL));
  OK(chl_close(reader));
  OK(chl_close(db));
}

/* What a child does with a database of its own. */
static bool opens_its_own(const char *folder) {
  chl_db db;
  char name[64];
  snprintf(name, sizeof name, "child-%d.chl", (int)getpid());
  if (chl_open(in_folder(folder, name), NULL, &db) != CHL_OK)
    return false;
  chl_table table = simple_table(db);
  fill(table, 10);
  return rows_of(table) == 10 && chl_close(db) == CHL_OK;
}

void test_a_child_opens_its_own(const char *folder) {
  chl_db db = open_new(folder);
  OK(chl_close(db));
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(opens_its_own(folder) && chl_flush(db) == CHL_ERROR_CLOSED ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static volatile bool churning;

static void *churn(void *given) {
  chl_db *db = given;
  while (churning) {
    chl_table table;
    OK(chl_find_table(*db, "t", &table));
    OK(chl_release_table(table));
  }
  return NULL;
}

/* Other threads may hold the locks of handles at a fork: the child does without them. */
void test_forks_beside_busy_threads(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  pthread_t threads[3];
  churning = true;
  for (size_t i = 0; i < COUNT(threads); i++)
    CHECK(!pthread_create(&threads[i], NULL, churn, &db));
  for (int round = 0; round < 100; round++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(20);
      uint64_t rows;
      bool good = chl_count(table, 0, 1, NULL, &rows) == CHL_ERROR_CLOSED &&
                  chl_release_table(table) == CHL_ERROR_CLOSED && chl_close(db) == CHL_ERROR_CLOSED;
      _exit(good ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  churning = false;
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
  OK(chl_close(db));
}

void test_handles_do_not_cross_a_fork(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  fill(table, 3);
  chl_tail tail;
  OK(chl_open_tail(table, 0, &tail));
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    struct ArrowArray array;
    uint64_t rows;
    double value = 1;
    bool refused = chl_append_row_f64(table, 1, &value, 1, NULL) == CHL_ERROR_CLOSED &&
                   chl_count(table, CHL_NO_START, CHL_NO_END, NULL, &rows) == CHL_ERROR_CLOSED &&
                   chl_next_of_tail(tail, 0, NULL, &array, NULL) == CHL_ERROR_CLOSED &&
                   strstr(chl_last_error()->message, "fork") && chl_close(db) == CHL_ERROR_CLOSED;
    _exit(refused ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  /* The parent's is as it was. */
  fill(table, 3);
  CHECK(rows_of(table) == 6);
  OK(chl_close(db));
}
