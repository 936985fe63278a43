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

#ifndef CHRONOLITE_H
#define CHRONOLITE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The structs of Arrow's C data and C stream interfaces, as every library that speaks them declares
 * them: https://arrow.apache.org/docs/format/CDataInterface.html */
#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
  const char *format;
  const char *name;
  const char *metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema **children;
  struct ArrowSchema *dictionary;
  void (*release)(struct ArrowSchema *);
  void *private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void **buffers;
  struct ArrowArray **children;
  struct ArrowArray *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};

#endif /* ARROW_C_DATA_INTERFACE */

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
  int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
  int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
  const char *(*get_last_error)(struct ArrowArrayStream *);
  void (*release)(struct ArrowArrayStream *);
  void *private_data;
};

#endif /* ARROW_C_STREAM_INTERFACE */

#ifdef __cplusplus
} // extern "C"
#endif

/* The version of this header: that of the library is `chl_version`. */
#define CHL_VERSION "0.1.0"

/* The `start` of a range without one. */
#define CHL_NO_START INT64_MIN
/* The `end` of a range without one: the last time of all is in it. */
#define CHL_NO_END INT64_MAX
/* The cursor of a tail that begins behind the newest row of now. */
#define CHL_TAIL_NOW UINT64_MAX
/* The timeout of a wait without an end. */
#define CHL_FOREVER INT64_C(-1)


/**
 * How a call ended. Those below 0 are errors, of which `chl_last_error` tells more. Later versions
 * may have more of them.
 */
enum {
  /**
   * It did what it is for.
   */
  CHL_OK = 0,
  /**
   * There is nothing of what was asked for: no row yet, no time of a table without rows.
   */
  CHL_NONE = 1,
  /**
   * A table, column, name, type or length does not fit the schema.
   */
  CHL_ERROR_SCHEMA = -1,
  /**
   * A row of that time and key is there already, and the table's rule is `CHL_CONFLICT_ERROR`.
   */
  CHL_ERROR_CONFLICT = -2,
  /**
   * No table of that name.
   */
  CHL_ERROR_TABLE_NOT_FOUND = -3,
  /**
   * An argument is NULL, out of its range, or has no meaning here.
   */
  CHL_ERROR_INVALID_INPUT = -4,
  /**
   * A result does not fit its type.
   */
  CHL_ERROR_OVERFLOW = -5,
  /**
   * Another handle or process has the database open for writing.
   */
  CHL_ERROR_LOCKED = -6,
  /**
   * Bytes in the file or its log are not what was written.
   */
  CHL_ERROR_CORRUPTION = -7,
  /**
   * The file is whole, but this version of the library cannot read it.
   */
  CHL_ERROR_FORMAT = -8,
  /**
   * A write to what is open for reading only, or to a snapshot.
   */
  CHL_ERROR_READ_ONLY = -9,
  /**
   * The handle was closed, or never was one, or belongs to the parent of this process.
   */
  CHL_ERROR_CLOSED = -10,
  /**
   * An earlier write or sync failed: nothing is written until the database is opened again.
   */
  CHL_ERROR_DURABILITY = -11,
  /**
   * The write may or may not have been applied.
   */
  CHL_ERROR_INDETERMINATE = -12,
  /**
   * The operating system refused: `chl_error.os_error` says why.
   */
  CHL_ERROR_IO = -13,
  /**
   * A fault in the library, caught before it could reach the caller. Please report it.
   */
  CHL_ERROR_INTERNAL = -14,
};
typedef int32_t chl_status;

/**
 * What a database is opened for.
 */
enum {
  /**
   * Reading and writing; it is made if it is not there. One handle of one process at a time.
   */
  CHL_MODE_READ_WRITE = 0,
  /**
   * Reading, beside a process that writes, by as many as like.
   */
  CHL_MODE_READ = 1,
};
typedef int32_t chl_mode;

/**
 * When what was written survives what. All of them survive the end of the process.
 */
enum {
  /**
   * Power loss after `sync_interval_ms`, or after `chl_flush`.
   */
  CHL_DURABILITY_INTERVAL = 0,
  /**
   * Power loss once the call has returned.
   */
  CHL_DURABILITY_SYNC = 1,
  /**
   * Power loss after `chl_flush` only.
   */
  CHL_DURABILITY_NONE = 2,
};
typedef int32_t chl_durability;

/**
 * What a `chl_value` is.
 */
enum {
  /**
   * No value.
   */
  CHL_VALUE_NULL = 0,
  /**
   * `of.boolean`: anything but 0 is true.
   */
  CHL_VALUE_BOOL = 1,
  /**
   * `of.integer`.
   */
  CHL_VALUE_INT = 2,
  /**
   * `of.unsigned_integer`; only needed above `INT64_MAX`.
   */
  CHL_VALUE_UINT = 3,
  /**
   * `of.number`.
   */
  CHL_VALUE_FLOAT = 4,
  /**
   * `of.bytes`, which are UTF-8.
   */
  CHL_VALUE_TEXT = 5,
  /**
   * `of.bytes`.
   */
  CHL_VALUE_BYTES = 6,
};
typedef int32_t chl_kind;

/**
 * The type of a column. Every column can hold nulls.
 */
enum {
  CHL_TYPE_I8 = 1,
  CHL_TYPE_I16 = 2,
  CHL_TYPE_I32 = 3,
  CHL_TYPE_I64 = 4,
  CHL_TYPE_U8 = 5,
  CHL_TYPE_U16 = 6,
  CHL_TYPE_U32 = 7,
  CHL_TYPE_U64 = 8,
  CHL_TYPE_F32 = 9,
  CHL_TYPE_F64 = 10,
  CHL_TYPE_BOOL = 11,
  CHL_TYPE_UTF8 = 12,
  CHL_TYPE_BINARY = 13,
};
typedef int32_t chl_type;

/**
 * What a step of a table's time is, counted from 1970-01-01T00:00:00 UTC.
 */
enum {
  CHL_UNIT_MILLISECOND = 0,
  CHL_UNIT_SECOND = 1,
  CHL_UNIT_MICROSECOND = 2,
  CHL_UNIT_NANOSECOND = 3,
};
typedef int32_t chl_time_unit;

/**
 * What a second row of the same time and key means.
 */
enum {
  /**
   * Both rows are kept.
   */
  CHL_CONFLICT_ALL = 0,
  /**
   * The row that came last is kept.
   */
  CHL_CONFLICT_LAST = 1,
  /**
   * The row that came first is kept.
   */
  CHL_CONFLICT_FIRST = 2,
  /**
   * The append is refused with `CHL_ERROR_CONFLICT`.
   */
  CHL_CONFLICT_ERROR = 3,
};
typedef int32_t chl_on_conflict;

/**
 * How hard columns are compressed.
 */
enum {
  /**
   * The smallest of the fast codecs; a packed segment may use slower ones.
   */
  CHL_STORAGE_BALANCED = 0,
  /**
   * Only codecs that decode fast.
   */
  CHL_STORAGE_SPEED = 1,
  /**
   * The smallest, however slow.
   */
  CHL_STORAGE_SIZE = 2,
  /**
   * Arrow's own layout: a read is a view of the mapped file.
   */
  CHL_STORAGE_RAW = 3,
};
typedef int32_t chl_storage;

/**
 * What values come to. Nulls do not count.
 */
enum {
  CHL_COUNT = 0,
  CHL_SUM = 1,
  CHL_MEAN = 2,
  CHL_MIN = 3,
  CHL_MAX = 4,
  CHL_FIRST = 5,
  CHL_LAST = 6,
  /**
   * The standard deviation of a sample.
   */
  CHL_STD = 7,
};
typedef int32_t chl_aggregate_kind;

/**
 * Where buckets begin.
 */
enum {
  /**
   * At 1970-01-01, or Monday 1969-12-29 for buckets of whole weeks; at midnight there, given a
   * zone.
   */
  CHL_ORIGIN_EPOCH = 0,
  /**
   * At the range's start or, if it has none, the first row's time.
   */
  CHL_ORIGIN_START = 1,
  /**
   * At `origin_time`.
   */
  CHL_ORIGIN_AT = 2,
};
typedef int32_t chl_origin;

/**
 * What stands for a null of an aggregate, whether its bucket has no rows or only nulls. All but
 * `CHL_FILL_NONE` make a row for every bucket and group of the range.
 */
enum {
  /**
   * Buckets without rows are left out.
   */
  CHL_FILL_NONE = 0,
  /**
   * Null does.
   */
  CHL_FILL_NULL = 1,
  /**
   * The value of the bucket before does.
   */
  CHL_FILL_PREVIOUS = 2,
  /**
   * The value on the line in time between the values before and after does.
   */
  CHL_FILL_LINEAR = 3,
  /**
   * `fill_integer` does.
   */
  CHL_FILL_INT = 4,
  /**
   * `fill_number` does.
   */
  CHL_FILL_FLOAT = 5,
};
typedef int32_t chl_fill;

/**
 * An error. Later versions may have more fields at its end.
 */
typedef struct chl_error {
  /**
   * What the call returned.
   */
  chl_status status;
  /**
   * What was wrong, where, and what to do, as UTF-8; `""` if no call has failed.
   */
  const char *message;
  /**
   * The file to blame, or NULL.
   */
  const char *file;
  /**
   * The byte in `file` at which the damage was found, or -1.
   */
  int64_t offset;
  /**
   * The `errno` of the system call that failed, or 0.
   */
  int32_t os_error;
  /**
   * The process that holds the lock, or 0.
   */
  uint32_t pid;
} chl_error;

/**
 * How background maintenance runs. Zeros are the defaults.
 */
typedef struct chl_maintenance {
  /**
   * `sizeof(chl_maintenance)`.
   */
  size_t size;
  /**
   * It flushes once the log has `wal_min_bytes`, and this many times the bytes of the last flush.
   */
  uint64_t wal_target_ratio;
  /**
   * Bytes of log below which it does not flush.
   */
  uint64_t wal_min_bytes;
  /**
   * Rows that a segment is packed to.
   */
  uint64_t target_segment_points;
  /**
   * Milliseconds from one look to the next.
   */
  uint64_t check_interval_ms;
  /**
   * Milliseconds from one look for old rows to the next.
   */
  uint64_t retention_check_interval_ms;
  /**
   * Rows a second above which it waits for calmer times.
   */
  uint64_t max_writes_per_sec;
  /**
   * Milliseconds over which rows a second are counted.
   */
  uint64_t write_load_window_ms;
  /**
   * Milliseconds without a write after which it may run at any load.
   */
  uint64_t min_idle_ms;
  /**
   * Most segments that are packed in one go.
   */
  uint64_t max_segments_per_pack;
} chl_maintenance;

/**
 * How a database is opened. Zeros are the defaults: `chl_options o = {.size = sizeof o};`
 */
typedef struct chl_options {
  /**
   * `sizeof(chl_options)`.
   */
  size_t size;
  /**
   * A `chl_mode`.
   */
  int32_t mode;
  /**
   * A `chl_durability`.
   */
  int32_t durability;
  /**
   * Milliseconds between two syncs at `CHL_DURABILITY_INTERVAL`; 0 is 100.
   */
  uint64_t sync_interval_ms;
  /**
   * Most bytes of a row; 0 is what the environment's `NANOTS_MAX_RECORD_SIZE` says, or 64 MiB.
   */
  uint64_t max_record_size;
  /**
   * Milliseconds that a row may be old before `chl_apply_retention` or maintenance removes it; 0 is
   * for ever.
   */
  uint64_t retention_ms;
  /**
   * How background maintenance runs; NULL is not at all.
   */
  const struct chl_maintenance *maintenance;
} chl_options;

/**
 * An open database. `{0}` is none.
 */
typedef struct chl_db {
  /**
   * What the library knows it by.
   */
  uint64_t id;
} chl_db;

/**
 * A column of a table to be. This struct does not grow.
 */
typedef struct chl_column {
  /**
   * Its name, UTF-8, at most 255 bytes.
   */
  const char *name;
  /**
   * A `chl_type`.
   */
  int32_t type;
  /**
   * The codec for it, such as `"gorilla"`; NULL is up to the storage.
   */
  const char *codec;
} chl_column;

/**
 * A table to be. Zeros are the defaults: `chl_table_spec s = {.size = sizeof s, ...};`
 */
typedef struct chl_table_spec {
  /**
   * `sizeof(chl_table_spec)`.
   */
  size_t size;
  /**
   * The value columns.
   */
  const struct chl_column *columns;
  /**
   * How many.
   */
  size_t column_count;
  /**
   * The names of those that are the key, in its order; NULL is no key.
   */
  const char *const *key;
  /**
   * How many.
   */
  size_t key_count;
  /**
   * The name of the time column; NULL is `"ts"`.
   */
  const char *time_column;
  /**
   * The codec for the time column; NULL is up to the storage.
   */
  const char *time_codec;
  /**
   * A `chl_time_unit`.
   */
  int32_t time_unit;
  /**
   * A `chl_on_conflict`.
   */
  int32_t on_conflict;
  /**
   * A `chl_storage`.
   */
  int32_t storage;
  /**
   * Has to be 0.
   */
  int32_t reserved;
} chl_table_spec;

/**
 * A table of an open database, or of a snapshot of it. `{0}` is none.
 */
typedef struct chl_table {
  /**
   * What the library knows it by.
   */
  uint64_t id;
} chl_table;

/**
 * Bytes somewhere; no zero byte ends them.
 */
typedef struct chl_bytes {
  /**
   * Where they begin; may be NULL if there are none.
   */
  const char *data;
  /**
   * How many.
   */
  size_t size;
} chl_bytes;

/**
 * What is in a `chl_value`.
 */
typedef union chl_cell {
  /**
   * Of `CHL_VALUE_BOOL`.
   */
  uint8_t boolean;
  /**
   * Of `CHL_VALUE_INT`.
   */
  int64_t integer;
  /**
   * Of `CHL_VALUE_UINT`.
   */
  uint64_t unsigned_integer;
  /**
   * Of `CHL_VALUE_FLOAT`.
   */
  double number;
  /**
   * Of `CHL_VALUE_TEXT` and `CHL_VALUE_BYTES`.
   */
  struct chl_bytes bytes;
} chl_cell;

/**
 * A cell of a row, or a part of a key. It must fit the column's type by its value: an integer is in the
 * range of the type, an integer for a float is one that the float can be. A float for an `f32` is
 * rounded to the nearest. `chl_int(7)`, `chl_text("a")` and the like make one. This struct does not grow.
 */
typedef struct chl_value {
  /**
   * A `chl_kind`.
   */
  int32_t kind;
  /**
   * What it is.
   */
  union chl_cell of;
} chl_value;

/**
 * A column of rows that are appended. This struct does not grow.
 */
typedef struct chl_array {
  /**
   * The name of the column.
   */
  const char *name;
  /**
   * What the array holds, a `chl_type`: that of the column, or a type all of whose values the
   * column's has, such as `i16` for `i64` or `f32` for `f64`; integers for floats if each is one
   * that the float can be.
   */
  int32_t type;
  /**
   * A value for each row: of a bool a byte, of text and bytes nothing but what `offsets` delimits.
   */
  const void *values;
  /**
   * Of text and bytes: one number more than rows, the bytes of row `i` are those from `offsets[i]` to
   * `offsets[i + 1]` of `values`. Otherwise NULL.
   */
  const int64_t *offsets;
  /**
   * A bit for each row, the lowest of each byte first, 1 for a value and 0 for null, as Arrow has
   * it; NULL if all rows have a value. What stands under a null is not looked at, but offsets go on
   * there too, and bytes of text are UTF-8 as a whole.
   */
  const uint8_t *validity;
} chl_array;

/**
 * Which rows and columns of a range are read. Zeros are all of them.
 */
typedef struct chl_scan_options {
  /**
   * `sizeof(chl_scan_options)`.
   */
  size_t size;
  /**
   * The names of the columns, in the order wanted; NULL is all. The time is always there: first,
   * unless it is named elsewhere.
   */
  const char *const *columns;
  /**
   * How many; with none, but `columns` not NULL, there is the time alone.
   */
  size_t column_count;
  /**
   * A value for each key column: only rows of that key; NULL is all.
   */
  const struct chl_value *key;
  /**
   * How many.
   */
  size_t key_count;
  /**
   * Only rows for which this is true, such as `"temp > 20.5 and site = 'a'"`; NULL is all.
   */
  const char *where;
  /**
   * Most rows; 0 is all.
   */
  uint64_t limit;
  /**
   * Anything but 0: the newest row first.
   */
  uint64_t reverse;
} chl_scan_options;

/**
 * A column of a result. This struct does not grow.
 */
typedef struct chl_wanted {
  /**
   * The name of a column of the table.
   */
  const char *column;
  /**
   * A `chl_aggregate_kind`.
   */
  int32_t kind;
} chl_wanted;

/**
 * How rows are put into buckets. Zeros are the defaults, but for `every`.
 */
typedef struct chl_downsample_options {
  /**
   * `sizeof(chl_downsample_options)`.
   */
  size_t size;
  /**
   * The length of a bucket, in the table's unit.
   */
  int64_t every;
  /**
   * The names of columns that tell apart groups of rows, each with a row of its own in a bucket.
   */
  const char *const *by;
  /**
   * How many.
   */
  size_t by_count;
  /**
   * A `chl_origin`.
   */
  int32_t origin;
  /**
   * A `chl_fill`.
   */
  int32_t fill;
  /**
   * Of `CHL_ORIGIN_AT`.
   */
  int64_t origin_time;
  /**
   * Of `CHL_FILL_INT`.
   */
  int64_t fill_integer;
  /**
   * Of `CHL_FILL_FLOAT`.
   */
  double fill_number;
  /**
   * The name of a time zone, such as `"America/New_York"`: days and weeks are the calendar's there.
   * NULL is UTC.
   */
  const char *tz;
  /**
   * Only rows for which this is true; NULL is all.
   */
  const char *where;
  /**
   * Anything but 0: sums, means and standard deviations are those of the values, rounded once.
   */
  uint64_t exact;
} chl_downsample_options;

/**
 * One moment of a database. `{0}` is none.
 */
typedef struct chl_snapshot {
  /**
   * What the library knows it by.
   */
  uint64_t id;
} chl_snapshot;

/**
 * The rows of a table as they arrive. `{0}` is none.
 */
typedef struct chl_tail {
  /**
   * What the library knows it by.
   */
  uint64_t id;
} chl_tail;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status, such as `"CHL_ERROR_SCHEMA"`; `"?"` of a number that is none. The text is
 * the library's and always there.
 */
const char *chl_status_name(int32_t status);

/**
 * The version of the library, such as `"0.1.0"`: that of the header is `CHL_VERSION`. The text is
 * the library's and always there.
 */
const char *chl_version(void);

/**
 * What the last call that failed in this thread says. It is never NULL, and good until another call
 * fails in this thread or the thread ends; calls that do not fail leave it as it is.
 */
const struct chl_error *chl_last_error(void);

/**
 * Opens the database at `path`, and makes it if it is not there and opened for writing. `options` may
 * be NULL. `*db` is the caller's, who closes it by `chl_close`.
 *
 * Errors: `CHL_ERROR_LOCKED` if it is to be written and is open for writing elsewhere,
 * `CHL_ERROR_CORRUPTION` if its bytes are not what was written, `CHL_ERROR_FORMAT` if they are of a
 * newer version, `CHL_ERROR_IO` with the system's error. Nothing is open then.
 */
chl_status chl_open(const char *path,
                    const struct chl_options *options,
                    struct chl_db *db);

/**
 * Closes it: what was written is flushed, the log removed, the lock given up. The handle ends, and
 * with it those of its tables, snapshots and tails, whatever this returns; a second call answers
 * `CHL_ERROR_CLOSED`. Calls of other threads that are under way end first or answer
 * `CHL_ERROR_CLOSED`. Streams that were not read to their end fail from then on; arrays that were
 * taken out of streams stay good until they are released.
 *
 * Errors: as for `chl_flush`; what was written is then still in the log, which the next opening
 * reads.
 */
chl_status chl_close(struct chl_db db);

/**
 * Writes what is in memory and the log to the file: what was written before survives power loss.
 */
chl_status chl_flush(struct chl_db db);

/**
 * Moves on to what is committed by now, where it is open for reading only. Every call does so by
 * itself: this tells whether that works.
 */
chl_status chl_refresh(struct chl_db db);

/**
 * The names of its tables, sorted: `*count` texts in `*names`, which the caller gives back by
 * `chl_free_names`.
 */
chl_status chl_tables(struct chl_db db, char ***names, size_t *count);

/**
 * Drops a table with all that is in it; handles of it answer `CHL_ERROR_TABLE_NOT_FOUND`.
 */
chl_status chl_drop_table(struct chl_db db, const char *name);

/**
 * Carries out one SQL statement, `CREATE TABLE` or `INSERT INTO ... VALUES`. `*rows`, unless `rows` is
 * NULL, is how many rows it inserted.
 */
chl_status chl_execute(struct chl_db db,
                       const char *sql,
                       uint64_t *rows);

/**
 * Packs a table, or all of them if `table` is NULL: segments that overlap, are small or hold deleted
 * rows become segments that follow each other, without what was deleted. Those of fewer than
 * `least_rows` rows are joined with their neighbours; 0 is 262,144. Appends and reads go on
 * meanwhile. `*report`, unless `report` is NULL, is what was done as JSON, which the caller gives
 * back by `chl_free_text`.
 */
chl_status chl_pack(struct chl_db db,
                    const char *table,
                    size_t least_rows,
                    char **report);

/**
 * Packs all tables and gives back the space that nothing needs any more: the file gets smaller.
 */
chl_status chl_compact(struct chl_db db);

/**
 * Removes the rows of all tables that are older than the options' `retention_ms`, and gives their
 * space back; without one it does nothing.
 */
chl_status chl_apply_retention(struct chl_db db);

/**
 * Figures about the database and its tables, as JSON: the keys are those of Python's `Db.stats()`.
 * The caller gives `*json` back by `chl_free_text`.
 */
chl_status chl_stats(struct chl_db db, char **json);

/**
 * Reads the whole file and its log and checks all of it. `*report`, unless `report` is NULL, is what
 * was found, as JSON, which the caller gives back by `chl_free_text`: also if this returns
 * `CHL_ERROR_CORRUPTION`, which it does if anything is not as it was written.
 */
chl_status chl_verify(struct chl_db db,
                      char **report);

/**
 * Writes what can be read of a damaged database to a new one. `*report`, unless `report` is NULL, is
 * what was kept and lost, as JSON, which the caller gives back by `chl_free_text`. Nothing has the
 * name `target` before all of it is written and synced.
 */
chl_status chl_salvage(const char *source,
                       const char *target,
                       char **report);

/**
 * Makes a table. If there is one of that name with the same schema, this is it; if its schema is
 * another, the error says in what. The handle in `*table` is good until `chl_release_table` or the end
 * of the database.
 */
chl_status chl_create_table(struct chl_db db,
                            const char *name,
                            const struct chl_table_spec *spec,
                            struct chl_table *table);

/**
 * The table of that name. The handle in `*table` is good until `chl_release_table` or the end of the
 * database.
 */
chl_status chl_find_table(struct chl_db db,
                          const char *name,
                          struct chl_table *table);

/**
 * Ends the handle of a table; the table stays.
 */
chl_status chl_release_table(struct chl_table table);

/**
 * The names and types of its columns, the time first, as an Arrow struct type, which the caller
 * releases.
 */
chl_status chl_schema(struct chl_table table, struct ArrowSchema *schema);

/**
 * Its schema and rules as JSON: its name, `time_column`, `time_unit`, `columns` in order with their
 * `name`, `type` and the `codec` that was asked for, `key`, `on_conflict` and `storage`. The caller gives
 * `*json` back by `chl_free_text`.
 */
chl_status chl_describe(struct chl_table table,
                        char **json);

/**
 * Gives the table a column, the last one. The rows there are now are null in it; rows that are
 * appended from now on have a value for it. `codec` may be NULL.
 */
chl_status chl_add_column(struct chl_table table,
                          const char *name,
                          int32_t column_type,
                          const char *codec);

/**
 * The least and the greatest time of all rows; `CHL_NONE` if there are no rows. Either may be NULL.
 */
chl_status chl_time_range(struct chl_table table, int64_t *first, int64_t *last);

/**
 * Deletes the rows there are now with `start <= time < end` and, unless `key_count` is 0, of that key:
 * a value for each key column. They are gone at once; rows that are appended later are not touched.
 */
chl_status chl_delete(struct chl_table table,
                      int64_t start,
                      int64_t end,
                      const struct chl_value *key,
                      size_t key_count);

/**
 * Deletes the rows older than so many milliseconds, by the clock on the wall.
 */
chl_status chl_retain_age(struct chl_table table, uint64_t milliseconds);

/**
 * Deletes the rows before a time.
 */
chl_status chl_retain_from(struct chl_table table, int64_t cutoff);

/**
 * Appends a row: a value for each value column, in the schema's order. `*seq`, unless `seq` is NULL, is
 * its number: rows are numbered 1, 2, 3 over all tables. The values are copied.
 *
 * Errors: `CHL_ERROR_SCHEMA` if it does not fit and `CHL_ERROR_CONFLICT` if one of its time and key is
 * there and the table refuses that; nothing is written then. `CHL_ERROR_INDETERMINATE` if it was
 * written but could not be synced at `CHL_DURABILITY_SYNC`.
 */
chl_status chl_append_row(struct chl_table table,
                          int64_t time,
                          const struct chl_value *values,
                          size_t count,
                          uint64_t *seq);

/**
 * The same of a table whose value columns are all numbers: a float for each.
 */
chl_status chl_append_row_f64(struct chl_table table,
                              int64_t time,
                              const double *values,
                              size_t count,
                              uint64_t *seq);

/**
 * Appends `rows` rows, all of them or none: `times` has a time for each, and `arrays` an array for each
 * value column, by name and in any order. `*appended`, unless `appended` is NULL, is how many rows
 * that were. All is copied. That every array has `rows` values, and text and bytes as many as their
 * offsets say, is the caller's promise.
 *
 * Errors: as for `chl_append_row`.
 */
chl_status chl_append_columns(struct chl_table table,
                              size_t rows,
                              const int64_t *times,
                              const struct chl_array *arrays,
                              size_t count,
                              uint64_t *appended);

/**
 * Appends the rows of an Arrow struct array, all of them or none: its children are the columns of the
 * table, by name and in any order, the time among them, as a timestamp or an integer in the table's
 * unit. Types convert as those of `chl_array` do; text and bytes of 32 and 64 bit offsets, views and
 * dictionaries are taken too.
 * `*appended`, unless `appended` is NULL, is how many rows that were.
 *
 * `array` and `schema` are taken over, whatever this returns: afterwards both are released.
 *
 * Errors: as for `chl_append_row`.
 */
chl_status chl_append_arrow(struct chl_table table,
                            struct ArrowSchema *schema,
                            struct ArrowArray *array,
                            uint64_t *appended);

/**
 * Appends the rows of all arrays of a stream, all of them or none, as `chl_append_arrow` does. They are
 * all read before any is written.
 *
 * `stream` is taken over, whatever this returns: afterwards it is released.
 */
chl_status chl_append_stream(struct chl_table table,
                             struct ArrowArrayStream *stream,
                             uint64_t *appended);

/**
 * The rows with `start <= time < end`, in the order of time, as of now. `options` may be NULL. The stream
 * in `*out` is the caller's, who releases it; it may be read by one thread at a time, until the
 * database is closed. Handles that it came from may be released before it, and its table be dropped:
 * it shows its moment still. Its arrays may be views of the mapped file, and stay good until they are
 * released, after the end of the database too.
 *
 * What reading it fails with is told by the stream: `get_next` returns an `errno`, then and from then
 * on, `get_last_error` has the text, and `chl_last_error` of that thread the status, file and offset.
 */
chl_status chl_scan(struct chl_table table,
                    int64_t start,
                    int64_t end,
                    const struct chl_scan_options *options,
                    struct ArrowArrayStream *out);

/**
 * How many rows `chl_scan` would give.
 */
chl_status chl_count(struct chl_table table,
                     int64_t start,
                     int64_t end,
                     const struct chl_scan_options *options,
                     uint64_t *rows);

/**
 * The newest `n` rows, in the order of time; of one key, unless `key_count` is 0. The stream is as that
 * of `chl_scan`.
 */
chl_status chl_last(struct chl_table table,
                    size_t n,
                    const struct chl_value *key,
                    size_t key_count,
                    struct ArrowArrayStream *out);

/**
 * The newest row at or before a time, or none; of one key, unless `key_count` is 0. The stream is as
 * that of `chl_scan`.
 */
chl_status chl_asof(struct chl_table table,
                    int64_t time,
                    const struct chl_value *key,
                    size_t key_count,
                    struct ArrowArrayStream *out);

/**
 * What the rows that `chl_scan` would give come to: a stream of one row, whose columns are called
 * `temp_mean` and so on, in the order of `wanted`. `exact`, if it is not 0, has sums, means and
 * standard deviations rounded once. All is read by this call: the stream holds its row, also after the
 * end of the database.
 *
 * Errors: `CHL_ERROR_SCHEMA` if there is no such column, or no such aggregate of its type;
 * `CHL_ERROR_OVERFLOW` if a sum of integers does not fit 64 bits.
 */
chl_status chl_aggregate(struct chl_table table,
                         int64_t start,
                         int64_t end,
                         const struct chl_scan_options *options,
                         const struct chl_wanted *wanted,
                         size_t count,
                         int32_t exact,
                         struct ArrowArrayStream *out);

/**
 * The rows with `start <= time < end` in buckets of time, and what each comes to: a row for each bucket
 * that has rows, and each group in it, in the order of time and group. The columns are the time at
 * which the bucket begins, those of `by`, and then `temp_mean` and so on. The stream is as that of
 * `chl_scan`.
 *
 * Errors: `CHL_ERROR_SCHEMA` if there is no such column, aggregate of its type, or filling of that;
 * `CHL_ERROR_INVALID_INPUT` if `every` is no length, or `tz` no zone.
 */
chl_status chl_downsample(struct chl_table table,
                          int64_t start,
                          int64_t end,
                          const struct chl_downsample_options *options,
                          const struct chl_wanted *wanted,
                          size_t count,
                          struct ArrowArrayStream *out);

/**
 * This moment of the whole database: what is appended, deleted, packed or dropped meanwhile does not
 * show in it. The handle in `*snapshot` is good until `chl_release_snapshot` or the end of the
 * database; as long as it is, the space of what it shows is not used again.
 */
chl_status chl_take_snapshot(struct chl_db db,
                             struct chl_snapshot *snapshot);

/**
 * The table of that name as it was: it is read as others are, and refuses writes with
 * `CHL_ERROR_READ_ONLY`. Its handle is good until `chl_release_table` or the end of the database, also
 * after that of the snapshot is released.
 */
chl_status chl_snapshot_table(struct chl_snapshot snapshot,
                              const char *name,
                              struct chl_table *table);

/**
 * Ends the handle of a snapshot.
 */
chl_status chl_release_snapshot(struct chl_snapshot snapshot);

/**
 * The rows that arrive in a table after the one with the number `cursor`, in the order of arrival: 0
 * begins with the first one, `CHL_TAIL_NOW` behind the newest. The handle in `*tail` is good until
 * `chl_close_tail` or the end of the database.
 */
chl_status chl_open_tail(struct chl_table table,
                         uint64_t cursor,
                         struct chl_tail *tail);

/**
 * The next rows, some ten thousand at most, as a struct array and its type, both of which the caller
 * releases; `schema` may be NULL. `*cursor`, unless `cursor` is NULL, is the number of the last row that
 * was handed out, or where the tail began, also where this returns `CHL_NONE`: a tail that begins there
 * goes on behind it, in a later process too.
 *
 * If there are no rows it waits for them, `timeout_ms` milliseconds or, at `CHL_FOREVER`, without an
 * end; then it returns `CHL_NONE`, and can be called again. So it does if another thread calls
 * `chl_interrupt_tail`. A second thread in it waits for the first.
 *
 * Errors: `CHL_ERROR_CLOSED` if the tail or the database ends meanwhile, `CHL_ERROR_TABLE_NOT_FOUND` if
 * the table is dropped.
 */
chl_status chl_next_of_tail(struct chl_tail tail,
                            int64_t timeout_ms,
                            struct ArrowSchema *schema,
                            struct ArrowArray *array,
                            uint64_t *cursor);

/**
 * Ends the wait of another thread in `chl_next_of_tail`, or else the next one.
 */
chl_status chl_interrupt_tail(struct chl_tail tail);

/**
 * Ends a tail. A thread that waits in it gets `CHL_ERROR_CLOSED`.
 */
chl_status chl_close_tail(struct chl_tail tail);

/**
 * Frees a text that the library made. NULL is nothing to free.
 */
void chl_free_text(char *text);

/**
 * Frees names that the library made, `count` as it was given with them. NULL is nothing to free.
 */
void chl_free_names(char **names, size_t count);

/* Values for `chl_append_row` and for keys: `chl_value row[] = {chl_float(20.5), chl_text("a")};` */

static inline chl_value chl_null(void) {
  chl_value value = {CHL_VALUE_NULL, {0}};
  return value;
}

static inline chl_value chl_bool(int is_true) {
  chl_value value = chl_null();
  value.kind = CHL_VALUE_BOOL;
  value.of.boolean = is_true != 0;
  return value;
}

static inline chl_value chl_int(int64_t number) {
  chl_value value = chl_null();
  value.kind = CHL_VALUE_INT;
  value.of.integer = number;
  return value;
}

static inline chl_value chl_uint(uint64_t number) {
  chl_value value = chl_null();
  value.kind = CHL_VALUE_UINT;
  value.of.unsigned_integer = number;
  return value;
}

static inline chl_value chl_float(double number) {
  chl_value value = chl_null();
  value.kind = CHL_VALUE_FLOAT;
  value.of.number = number;
  return value;
}

/* Text that a zero byte ends; NULL is null. It is not copied before the call. */
static inline chl_value chl_text(const char *text) {
  chl_value value = chl_null();
  if (text) {
    value.kind = CHL_VALUE_TEXT;
    value.of.bytes.data = text;
    value.of.bytes.size = strlen(text);
  }
  return value;
}

/* Bytes, which are not copied before the call. */
static inline chl_value chl_blob(const void *data, size_t size) {
  chl_value value = chl_null();
  value.kind = CHL_VALUE_BYTES;
  value.of.bytes.data = (const char *)data;
  value.of.bytes.size = size;
  return value;
}

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CHRONOLITE_H */
