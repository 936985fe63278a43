/* chronolite: an embedded time-series storage kernel. Time-stamped rows in one durable, compressed
 * file, written a row or a million at a time, read straight into Apache Arrow.
 *
 * It is for C99 and C++11, and those that came after.
 *
 * This file is made from the Rust sources (`make header`); do not edit it.
 *
 * HOW A CALL ENDS. Every call that can fail returns a `chl_status`: `CHL_OK`, `CHL_NONE` where there is nothing of what
 * was asked for, or an error, which is below 0. `chl_last_error` then tells, for the calling thread, what
 * was wrong, in which file and at what byte. Unless a call says otherwise, nothing was done then, and
 * nothing was written to where its results go. A fault in the library never unwinds into the caller: it is
 * `CHL_ERROR_INTERNAL`.
 *
 * HANDLES. `chl_db`, `chl_table`, `chl_snapshot` and `chl_tail` are numbers that the library looks up at
 * every call, in structs that are copied as one likes; `{0}` is none. One that was closed or released
 * before, or never was one, is answered with `CHL_ERROR_CLOSED` by every call, that which closes among
 * them. Closing a database ends the handles of its tables, snapshots and tails; a program that ends
 * without it loses nothing, as the log is read when the database is opened again.
 *
 * WHO OWNS WHAT. What the caller passes in stays the caller's and is copied, but for the Arrow structs of
 * `chl_append_arrow` and `chl_append_stream`, which are taken over on every path, that of an error too.
 * What the library hands out is the caller's: handles are closed or released, texts go to
 * `chl_free_text`, names to `chl_free_names`, Arrow structs are released by their own `release`. The
 * error of `chl_last_error` and the texts of `chl_status_name` and `chl_version` stay the library's.
 *
 * THREADS. Any call may be made in any thread, also on the same handle at the same time: reads see whole
 * appends, appends of several threads follow each other. An `ArrowArrayStream` and the arrays it gave may
 * move to other threads, but are used by one at a time. A handle does not work in a child that was
 * forked after it was made (`CHL_ERROR_CLOSED`, also from `chl_close`): open the database there again. Only
 * a child of a process in which no other thread ran may do that: POSIX promises the others no more than
 * async-signal-safe functions until they call exec.
 *
 * ARGUMENTS. Text is UTF-8 that a zero byte ends; a path is in the bytes of the system. A pointer may be
 * NULL where that is said, or where its count is 0. It is aligned as C has it for its type. NULL elsewhere,
 * pointers that are not aligned, counts that no memory has (a negative
 * one is such), numbers of enums that are none, and text that is not UTF-8 are answered with
 * `CHL_ERROR_INVALID_INPUT` or, where values are meant for a column, `CHL_ERROR_SCHEMA`. What cannot be
 * seen is the caller's promise: that a pointer that is not NULL leads to as much as its count says, and
 * that nobody else writes to it during the call.
 *
 * STRUCTS WITH A SIZE begin with their `sizeof`. Zeros are the defaults: `chl_options o = {.size = sizeof o};`
 * Programs that were compiled with an older header go on working: what their structs do not have is 0.
 *
 * TIME is an int64 in the table's unit, counted from 1970-01-01T00:00:00 UTC. Ranges are half-open:
 * `start <= time < end`. */
