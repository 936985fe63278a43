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
#define CHL_VERSION "@VERSION@"

/* The `start` of a range without one. */
#define CHL_NO_START INT64_MIN
/* The `end` of a range without one: the last time of all is in it. */
#define CHL_NO_END INT64_MAX
/* The cursor of a tail that begins behind the newest row of now. */
#define CHL_TAIL_NOW UINT64_MAX
/* The timeout of a wait without an end. */
#define CHL_FOREVER INT64_C(-1)
