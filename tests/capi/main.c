/* Runs the tests that are named, each in a folder of its own below the first argument; without names it
 * lists them all. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TESTS(X) \
  X(versions_and_names) \
  X(handles_that_are_none_are_answered) \
  X(closing_ends_all_handles) \
  X(released_handles_end_alone) \
  X(nothing_is_kept_by_the_thread_that_wrote_last) \
  X(a_failed_call_writes_nothing) \
  X(a_database_is_written_to_by_one) \
  X(a_child_opens_its_own) \
  X(forks_beside_busy_threads) \
  X(handles_do_not_cross_a_fork) \
  X(null_is_refused_where_it_means_nothing) \
  X(counts_that_no_memory_has_are_refused) \
  X(structs_of_other_versions) \
  X(numbers_that_mean_nothing_are_refused) \
  X(text_is_utf8_and_names_are_names) \
  X(rows_of_every_type) \
  X(a_row_that_does_not_fit_is_refused_whole) \
  X(wide_rows) \
  X(keys_and_conflicts) \
  X(plain_arrays) \
  X(many_rows_of_arrays) \
  X(sql_statements) \
  X(ranges_are_half_open) \
  X(what_is_read) \
  X(last_and_as_of) \
  X(aggregates) \
  X(downsampling) \
  X(snapshots_show_their_moment) \
  X(columns_that_are_added) \
  X(a_stream_moves_from_table_to_table) \
  X(an_array_is_taken_over_on_every_path) \
  X(arrays_outlive_the_database_and_streams_do_not) \
  X(an_array_made_by_hand) \
  X(broken_arrays_are_refused) \
  X(streams_that_fail_append_nothing) \
  X(deletes_and_retention) \
  X(packs_and_figures) \
  X(damage_is_found_told_and_salvaged) \
  X(threads_share_a_table) \
  X(closing_while_others_call) \
  X(releasing_while_others_append) \
  X(two_waits_in_a_tail) \
  X(errors_are_of_a_thread) \
  X(a_tail_hands_out_rows_as_they_arrive) \
  X(a_wait_ends_when_its_tail_does)

#define DECLARED(name) void test_##name(const char *folder);
TESTS(DECLARED)

#define LISTED(name) {#name, test_##name},
static const struct {
  const char *name;
  void (*run)(const char *folder);
} tests[] = {TESTS(LISTED)};

int main(int count, char **arguments) {
  if (count < 3) {
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
      puts(tests[i].name);
    return 0;
  }
  for (int at = 2; at < count; at++) {
    size_t i = 0;
    while (i < sizeof tests / sizeof tests[0] && strcmp(tests[i].name, arguments[at]))
      i++;
    if (i == sizeof tests / sizeof tests[0]) {
      fprintf(stderr, "no test %s\n", arguments[at]);
      return 2;
    }
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/%s", arguments[1], arguments[at]);
    if (mkdir(folder, 0700)) {
      perror(folder);
      return 2;
    }
    tests[i].run(folder);
  }
  return 0;
}
