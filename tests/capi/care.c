/* Looking after a database: packs, deletes, retention, figures, damage. */
#include "check.h"

#include <time.h>

void test_deletes_and_retention(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  fill(table, 10);
  OK(chl_delete(table, 20, 40, NULL, 0));
  CHECK(rows_of(table) == 8);
  OK(chl_retain_from(table, 50));
  CHECK(rows_of(table) == 5);
  FAILS(CHL_ERROR_INVALID_INPUT, "no key", chl_delete(table, 0, 1, &(chl_value){0}, 1));
  OK(chl_retain_age(table, 1000));
  CHECK(rows_of(table) == 0);
  OK(chl_retain_age(table, UINT64_MAX));
  OK(chl_close(db));

  chl_maintenance maintenance = {.size = sizeof maintenance, .check_interval_ms = 20};
  chl_options options = {.size = sizeof options, .retention_ms = 60000, .maintenance = &maintenance};
  OK(chl_open(in_folder(folder, "test.chl"), &options, &db));
  OK(chl_find_table(db, "t", &table));
  double value = 1;
  OK(chl_append_row_f64(table, 1, &value, 1, NULL));
  OK(chl_append_row_f64(table, (int64_t)time(NULL) * 1000, &value, 1, NULL));
  OK(chl_apply_retention(db));
  CHECK(rows_of(table) == 1);
  char *json;
  OK(chl_stats(db, &json));
  CHECK(strstr(json, "\"running\":true"));
  chl_free_text(json);
  OK(chl_close(db));
}

void test_packs_and_figures(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  for (int i = 0; i < 4; i++) {
    fill(table, 100);
    OK(chl_flush(db));
  }
  char *report = NULL, *json;
  OK(chl_pack(db, "t", 0, &report));
  CHECK(strstr(report, "\"segments_before\":4") && strstr(report, "\"segments_after\":1"));
  chl_free_text(report);
  OK(chl_pack(db, NULL, 1000, NULL));
  FAILS(CHL_ERROR_TABLE_NOT_FOUND, "nope", chl_pack(db, "nope", 0, NULL));
  OK(chl_compact(db));
  OK(chl_stats(db, &json));
  CHECK(strstr(json, "\"rows\":400") && strstr(json, "\"type\":\"f64\"") && strstr(json, "ntt_file_bytes"));
  chl_free_text(json);
  OK(chl_verify(db, &report));
  CHECK(strstr(report, "\"ok\":true") && strstr(report, "\"rows\":400"));
  chl_free_text(report);
  OK(chl_verify(db, NULL));
  CHECK(rows_of(table) == 400);
  OK(chl_close(db));
}

/* Flips bits of a byte of a file. */
static void damage(const char *path, long at) {
  FILE *file = fopen(path, "r+b");
  CHECK(file && !fseek(file, at, SEEK_SET));
  int byte = fgetc(file);
  CHECK(byte >= 0 && !fseek(file, at, SEEK_SET) && fputc(byte ^ 0xff, file) >= 0 && !fclose(file));
}

void test_damage_is_found_told_and_salvaged(const char *folder) {
  chl_db db = open_new(folder);
  chl_table table = simple_table(db);
  fill(table, 1000);
  OK(chl_flush(db));
  fill(table, 500);
  OK(chl_close(db));
  const char *path = in_folder(folder, "test.chl");
  FILE *file = fopen(path, "rb");
  CHECK(file && !fseek(file, 0, SEEK_END));
  long size = ftell(file);
  fclose(file);
  int found = 0;
  for (long at = 4096; at < size && !found; at += 512) {
    damage(path, at);
    if (chl_open(path, NULL, &db) == CHL_OK) {
      char *report;
      chl_status status = chl_verify(db, &report);
      if (status == CHL_ERROR_CORRUPTION) {
        found = 1;
        const chl_error *error = chl_last_error();
        CHECK(error->status == CHL_ERROR_CORRUPTION && error->offset > 0);
        CHECK(error->file && strstr(error->file, "test.chl") && strstr(report, "\"ok\":false"));
      } else {
        CHECK(status == CHL_OK);
      }
      chl_free_text(report);
      OK(chl_close(db));
      if (found)
        break;
    }
    damage(path, at);
  }
  CHECK(found);
  const char *saved = in_folder(folder, "saved.chl");
  char *report;
  OK(chl_salvage(path, saved, &report));
  CHECK(strstr(report, "\"ok\":false") && strstr(report, "\"t\":"));
  chl_free_text(report);
  ENDS(CHL_ERROR_IO, chl_salvage(path, saved, NULL));
  OK(chl_open(saved, NULL, &db));
  OK(chl_verify(db, NULL));
  OK(chl_close(db));
}
