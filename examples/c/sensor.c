/* A sensor, from C: rows in, a range and its mean out. `sensor FILE` opens FILE or makes it; build it with
 *
 *     cc -std=c11 sensor.c $(pkg-config --cflags --libs chronolite) -o sensor
 */
#include <chronolite.h>
#include <stdio.h>
#include <stdlib.h>

static void check(chl_status status) {
  if (status >= 0)
    return;
  const chl_error *error = chl_last_error();
  fprintf(stderr, "%s: %s\n", chl_status_name(error->status), error->message);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  chl_db db;
  check(chl_open(argv[1], NULL, &db));

  chl_column columns[] = {{"temp", CHL_TYPE_F64, NULL}, {"site", CHL_TYPE_UTF8, NULL}};
  chl_table_spec spec = {.size = sizeof spec, .columns = columns, .column_count = 2};
  /* A row of the same time takes the place of the one before: running this twice changes nothing. */
  spec.on_conflict = CHL_CONFLICT_LAST;
  chl_table sensor;
  check(chl_create_table(db, "sensor", &spec, &sensor));
  for (int second = 0; second < 60; second++) {
    chl_value row[] = {second % 10 ? chl_float(20 + second / 4.0) : chl_null(), chl_text("roof")};
    check(chl_append_row(sensor, 1704067200000 + second * 1000, row, 2, NULL));
  }

  /* Some rows, as an Arrow stream: each array holds the columns as plain arrays. */
  const char *wanted[] = {"ts", "temp"};
  chl_scan_options options = {.size = sizeof options, .columns = wanted, .column_count = 2};
  options.where = "temp >= 34", options.reverse = 1;
  struct ArrowArrayStream stream;
  struct ArrowArray rows;
  check(chl_scan(sensor, CHL_NO_START, CHL_NO_END, &options, &stream));
  while (stream.get_next(&stream, &rows) == 0 && rows.release) {
    const int64_t *ts = (const int64_t *)rows.children[0]->buffers[1] + rows.children[0]->offset;
    const double *temp = (const double *)rows.children[1]->buffers[1] + rows.children[1]->offset;
    for (int64_t row = 0; row < rows.length; row++)
      printf("%lld %.2f\n", (long long)ts[row], temp[row]);
    rows.release(&rows);
  }
  if (stream.get_last_error(&stream))
    fprintf(stderr, "%s\n", stream.get_last_error(&stream));
  stream.release(&stream);

  chl_wanted mean[] = {{"temp", CHL_MEAN}, {"temp", CHL_COUNT}};
  check(chl_aggregate(sensor, CHL_NO_START, CHL_NO_END, NULL, mean, 2, 0, &stream));
  if (stream.get_next(&stream, &rows) == 0 && rows.release) {
    printf("mean %.3f of %lld values\n", ((const double *)rows.children[0]->buffers[1])[0],
           (long long)((const int64_t *)rows.children[1]->buffers[1])[0]);
    rows.release(&rows);
  }
  stream.release(&stream);
  check(chl_close(db));
  return 0;
}
