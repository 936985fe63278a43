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
