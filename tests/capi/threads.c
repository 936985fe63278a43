/* Calls of several threads on the same handles, the one that closes among them. */
#include "check.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define ROWS 2000

struct shared {
  chl_db db;
  chl_table table;
  chl_tail tail;
  uint64_t acknowledged[THREADS];
  int number;
};

struct job {
  struct shared *shared;
  int number;
};

static void *append(void *given) {
  struct job *job = given;
  for (int i = 0; i < ROWS; i++) {
    double value = job->number;
    chl_status status = chl_append_row_f64(job->shared->table, i, &value, 1, NULL);
    if (status == CHL_ERROR_CLOSED)
      return NULL;
    CHECK(status == CHL_OK);
    job->shared->acknowledged[job->number]++;
  }
  return NULL;
}

static void *count(void *given) {
  struct job *job = given;
  uint64_t before = 0, rows;
  for (int i = 0; i < 200; i++) {
    chl_status status = chl_count(job->shared->table, CHL_NO_START, CHL_NO_END, NULL, &rows);
    if (status == CHL_ERROR_CLOSED)
      return NULL;
    CHECK(status == CHL_OK && rows >= before);
    before = rows;
  }
  return NULL;
}

void test_threads_share_a_table(const char *folder) {
  struct shared shared = {.db = open_new(folder)};
  shared.table = simple_table(shared.db);
  pthread_t threads[THREADS + 1];
  struct job jobs[THREADS + 1];
  for (int i = 0; i <= THREADS; i++) {
    jobs[i] = (struct job){&shared, i};
    CHECK(!pthread_create(&threads[i], NULL, i < THREADS ? append : count, &jobs[i]));
  }
  for (int i = 0; i <= THREADS; i++)
    pthread_join(threads[i], NULL);
  CHECK(rows_of(shared.table) == THREADS * ROWS);
  OK(chl_close(shared.db));
}

void test_closing_while_others_call(const char *folder) {
  for (int round = 0; round < 20; round++) {
    chl_db db;
    struct shared shared = {0};
    OK(chl_open(in_folder(folder, "test.chl"), NULL, &db));
    shared.db = db, shared.table = simple_table(db);
    uint64_t before = rows_of(shared.table), after = 0;
    pthread_t threads[THREADS + 1];
    struct job jobs[THREADS + 1];
    for (int i = 0; i <= THREADS; i++) {
      jobs[i] = (struct job){&shared, i};
      CHECK(!pthread_create(&threads[i], NULL, i < THREADS ? append : count, &jobs[i]));
    }
    usleep((unsigned)round * 200);
    OK(chl_close(db));
    for (int i = 0; i <= THREADS; i++)
      pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
      before += shared.acknowledged[i];
    OK(chl_open(in_folder(folder, "test.chl"), NULL, &db));
    after = rows_of(simple_table(db));
    OK(chl_close(db));
    CHECK(after == before);
  }
}

/* An error is that of the thread. */
static void *fail_otherwise(void *given) {
  (void)given;
  CHECK(chl_last_error()->status == CHL_OK);
  ENDS(CHL_ERROR_INVALID_INPUT, chl_open(NULL, NULL, NULL));
  CHECK(chl_last_error()->status == CHL_ERROR_INVALID_INPUT);
  return NULL;
}

static void *wait_in_tail(void *given) {
  struct shared *shared = given;
  struct ArrowArray rows;
  chl_status status = chl_next_of_tail(shared->tail, CHL_FOREVER, NULL, &rows, NULL);
  shared->number = status;
  return NULL;
}

/* A table is released by one thread while others write to it: they are told at their next call. */
void test_releasing_while_others_append(const char *folder) {
  chl_db db = open_new(folder);
  for (int round = 0; round < 50; round++) {
    struct shared shared = {.db = db, .table = simple_table(db)};
    uint64_t before = rows_of(shared.table);
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (int i = 0; i < THREADS; i++) {
      jobs[i] = (struct job){&shared, i};
      CHECK(!pthread_create(&threads[i], NULL, append, &jobs[i]));
    }
    usleep((unsigned)round * 20);
    OK(chl_release_table(shared.table));
    for (int i = 0; i < THREADS; i++)
      pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
      before += shared.acknowledged[i];
    CHECK(rows_of(simple_table(db)) == before);
  }
  OK(chl_close(db));
}

/* A second thread in a tail waits no longer than it said, with the wait for its turn. */
void test_two_waits_in_a_tail(const char *folder) {
  struct shared shared = {.db = open_new(folder)};
  shared.table = simple_table(shared.db);
  OK(chl_open_tail(shared.table, 0, &shared.tail));
  pthread_t thread;
  CHECK(!pthread_create(&thread, NULL, wait_in_tail, &shared));
  usleep(50000);
  struct ArrowArray rows;
  struct timespec began, ended;
  clock_gettime(CLOCK_MONOTONIC, &began);
  ENDS(CHL_NONE, chl_next_of_tail(shared.tail, 300, NULL, &rows, NULL));
  clock_gettime(CLOCK_MONOTONIC, &ended);
  double seconds = (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
  CHECK(seconds >= 0.29);
  OK(chl_close_tail(shared.tail));
  pthread_join(thread, NULL);
  CHECK(shared.number == CHL_ERROR_CLOSED);
  OK(chl_close(shared.db));
}

void test_errors_are_of_a_thread(const char *folder) {
  (void)folder;
  ENDS(CHL_ERROR_CLOSED, chl_flush((chl_db){0}));
  pthread_t thread;
  CHECK(!pthread_create(&thread, NULL, fail_otherwise, NULL));
  pthread_join(thread, NULL);
  CHECK(chl_last_error()->status == CHL_ERROR_CLOSED);
}

void test_a_tail_hands_out_rows_as_they_arrive(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  chl_tail tail;
  struct ArrowSchema schema;
  struct ArrowArray rows;
  uint64_t cursor = 0;
  fill(table, 3);
  OK(chl_open_tail(table, CHL_TAIL_NOW, &tail));
  ENDS(CHL_NONE, chl_next_of_tail(tail, 0, &schema, &rows, &cursor));
  CHECK(cursor == 3);
  fill(table, 2);
  OK(chl_next_of_tail(tail, CHL_FOREVER, &schema, &rows, &cursor));
  CHECK(rows.length == 2 && cursor == 5 && !strcmp(schema.children[1]->name, "v"));
  schema.release(&schema);
  rows.release(&rows);
  OK(chl_close_tail(tail));
  OK(chl_open_tail(table, 1, &tail));
  OK(chl_next_of_tail(tail, 1000, NULL, &rows, NULL));
  CHECK(rows.length == 4);
  rows.release(&rows);
  OK(chl_interrupt_tail(tail));
  ENDS(CHL_NONE, chl_next_of_tail(tail, CHL_FOREVER, NULL, &rows, NULL));
  OK(chl_close(db));
}

void test_a_wait_ends_when_its_tail_does(const char *folder) {
  struct shared shared = {.db = open_new(folder)};
  shared.table = simple_table(shared.db);
  for (int how = 0; how < 4; how++) {
    OK(chl_open_tail(shared.table, CHL_TAIL_NOW, &shared.tail));
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, wait_in_tail, &shared));
    usleep(50000);
    chl_status wanted[] = {CHL_NONE, CHL_ERROR_CLOSED, CHL_ERROR_TABLE_NOT_FOUND, CHL_ERROR_CLOSED};
    switch (how) {
    case 0: OK(chl_interrupt_tail(shared.tail)); break;
    case 1: OK(chl_close_tail(shared.tail)); break;
    case 2:
      OK(chl_drop_table(shared.db, "t"));
      shared.table = simple_table(shared.db);
      break;
    default: OK(chl_close(shared.db));
    }
    pthread_join(thread, NULL);
    CHECK(shared.number == wanted[how]);
  }
}
