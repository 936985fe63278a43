// chronolite for C++17: a thin layer over chronolite.h that owns what has to be owned.
//
//     chronolite::Db db("plant.chl");
//     auto readings = db.create_table("readings", {{"site", CHL_TYPE_UTF8}, {"temp", CHL_TYPE_F64}});
//     readings.append_row(now, {"attic", 20.5});
//     for (auto &batch : readings.scan(start, end))
//       std::optional<double> temp = batch.column<double>("temp")[0];
//
// Objects move and are not copied. An error is thrown as `Error`. Destructors never throw, so `Db::close` is
// there for who wants to know that it went well; forgetting it loses nothing. The C header's numbers, such as
// `CHL_MEAN`, are used as they are, and calls that have no method here take `raw()`.

#ifndef CHRONOLITE_HPP
#define CHRONOLITE_HPP

#include <chronolite.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chronolite {

class Error : public std::runtime_error {
 public:
  Error(chl_status what, const std::string &message) : std::runtime_error(message), status(what) {}
  explicit Error(const chl_error &e) : Error(e.status, e.message) {
    file = e.file ? e.file : "";
    offset = e.offset, os_error = e.os_error;
  }

  chl_status status;
  std::string file;          // the one to blame, or ""
  std::int64_t offset = -1;  // where in it the damage is, or -1
  int os_error = 0;          // the errno, or 0
};

// A C struct that begins with its size, such as chl_options: zeros are the defaults. Its fields are set by name,
// as later headers have more of them.
template <class T>
T defaults() {
  T options{};
  options.size = sizeof options;
  return options;
}

// What the C calls need and a user of this file does not.
namespace detail {

// False where there is nothing of what was asked for. The error belongs to the calling thread and lasts
// until its next one: it is copied on the spot.
inline bool check(chl_status status) {
  if (status < 0) throw Error(*chl_last_error());
  return status != CHL_NONE;
}

// A handle or an Arrow struct, and how it ends. Both may be moved as bytes, as long as one owner is left, and
// both have a form that is none: zeros.
template <class T, void (*End)(T &)>
class Owned {
 public:
  Owned() = default;
  Owned(Owned &&other) noexcept : raw(other.release()) {}
  Owned &operator=(Owned &&other) noexcept {
    std::swap(raw, other.raw);
    return *this;
  }
  ~Owned() { End(raw); }
  T release() noexcept { return std::exchange(raw, T{}); }

  T raw{};
};

// If the database was closed first, the library answers CHL_ERROR_CLOSED, and nothing is left to do.
template <class H, chl_status (*Close)(H)>
void end_handle(H &handle) {
  if (handle.id) Close(handle);
}
template <class H, chl_status (*Close)(H)>
using Handle = Owned<H, end_handle<H, Close>>;

template <class T>
void end_arrow(T &arrow) {
  if (arrow.release) arrow.release(&arrow);
}
template <class T>
using Arrow = Owned<T, end_arrow<T>>;

inline std::string take(char *text) {
  const std::unique_ptr<char, void (*)(char *)> owner(text, chl_free_text);
  return text ? text : "";
}

inline const char *or_null(const std::string &text) { return text.empty() ? nullptr : text.c_str(); }

// One NULL more than names: the pointer to no names is not NULL then, which would mean all of them.
inline std::vector<const char *> pointers(const std::vector<std::string> &names) {
  std::vector<const char *> out;
  for (const auto &name : names) out.push_back(name.c_str());
  out.push_back(nullptr);
  return out;
}

template <class Range>
std::vector<chl_value> cells(const Range &values) {
  std::vector<chl_value> out;
  out.reserve(values.size());
  for (const auto &value : values) out.push_back(value.raw);
  return out;
}

template <class T>
constexpr chl_type type_of() {
  if constexpr (std::is_same_v<T, bool>) return CHL_TYPE_BOOL;
  else if constexpr (std::is_same_v<T, float>) return CHL_TYPE_F32;
  else if constexpr (std::is_same_v<T, double>) return CHL_TYPE_F64;
  else if constexpr (std::is_same_v<T, std::string>) return CHL_TYPE_UTF8;
  else {
    static_assert(std::is_integral_v<T>, "a column to append is of numbers, bools or std::string");
    constexpr chl_type wider = sizeof(T) == 8 ? 3 : sizeof(T) == 4 ? 2 : sizeof(T) == 2 ? 1 : 0;
    return (std::is_signed_v<T> ? CHL_TYPE_I8 : CHL_TYPE_U8) + wider;
  }
}

}  // namespace detail

// A cell of a row, or a part of a key; `nullptr` is null. Text has to last as long as the call.
struct Value {
  Value(std::nullptr_t) : raw(chl_null()) {}
  Value(const char *text) : raw(chl_text(text)) {}
  Value(const std::string &text) : Value(std::string_view(text)) {}
  Value(std::string_view text) : raw(chl_blob(text.data(), text.size())) { raw.kind = CHL_VALUE_TEXT; }
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Value(T number) : raw(chl_null()) {
    if constexpr (std::is_same_v<T, bool>) raw = chl_bool(number);
    else if constexpr (std::is_floating_point_v<T>) raw = chl_float(number);
    else if constexpr (std::is_signed_v<T>) raw = chl_int(number);
    else raw = chl_uint(number);
  }

  chl_value raw;
};

using Key = std::vector<Value>;  // a value for each key column; without any, rows of every key

// A column to append. Numbers are read where they are, so the vector has to last as long as the call; what
// Arrow lays out in another way than C++ (text, bools, nulls) is packed here.
class Values {
 public:
  template <class T>
  Values(std::string name, const std::vector<T> &cells)
      : name_(std::move(name)), rows_(cells.size()), type_(detail::type_of<T>()) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) borrowed_ = cells.data();
    else for (const T &cell : cells) put(cell);
  }
  template <class T>
  Values(std::string name, const std::vector<std::optional<T>> &cells)
      : name_(std::move(name)), rows_(cells.size()), type_(detail::type_of<T>()), validity_(rows_ / 8 + 1) {
    for (std::size_t i = 0; i < rows_; ++i) {
      put(cells[i].value_or(T()));  // something stands in a null's place
      if (cells[i]) validity_[i / 8] = static_cast<std::uint8_t>(validity_[i / 8] | 1u << i % 8);
    }
  }
  Values(const Values &) = delete;

  const std::string &name() const { return name_; }
  std::size_t rows() const { return rows_; }
  chl_array raw() const {
    return {name_.c_str(), type_, borrowed_ ? borrowed_ : bytes_.data(),
            type_ == CHL_TYPE_UTF8 ? offsets_.data() : nullptr, validity_.empty() ? nullptr : validity_.data()};
  }

 private:
  template <class T>
  void put(const T &cell) {
    if constexpr (std::is_arithmetic_v<T>) {
      const auto *begin = reinterpret_cast<const char *>(&cell);
      bytes_.insert(bytes_.end(), begin, begin + sizeof cell);
    } else {
      bytes_.insert(bytes_.end(), cell.begin(), cell.end());
      offsets_.push_back(static_cast<std::int64_t>(bytes_.size()));
    }
  }

  std::string name_;
  std::size_t rows_;
  chl_type type_;
  const void *borrowed_ = nullptr;
  std::vector<char> bytes_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::uint8_t> validity_;
};

// A column of a batch, good as long as the batch. `T` is std::int64_t (times too), double, bool or
// std::string_view (text and bytes); narrower numbers widen.
template <class T>
class Column {
 public:
  Column(const ArrowArray &array, std::int64_t first, const ArrowSchema &schema)
      : array_(&array), first_(static_cast<std::size_t>(first)), read_(reader(schema.format)) {
    if (!read_)
      throw Error(CHL_ERROR_SCHEMA, std::string("column \"") + schema.name + "\" is of Arrow's type " +
                                        schema.format + ", which is not what was asked for");
  }

  std::optional<T> operator[](std::size_t row) const {
    const std::size_t i = first_ + row;
    const auto *validity = array_->buffers[0];
    if (validity && !bit(validity, i)) return std::nullopt;
    return read_(*array_, i);
  }

 private:
  static bool bit(const void *bits, std::size_t i) {
    return (static_cast<const std::uint8_t *>(bits)[i / 8] >> i % 8 & 1) != 0;
  }
  template <class Stored>
  static T number(const ArrowArray &array, std::size_t i) {
    if constexpr (std::is_same_v<Stored, bool>) return bit(array.buffers[1], i);
    else return static_cast<T>(static_cast<const Stored *>(array.buffers[1])[i]);
  }
  static T text(const ArrowArray &array, std::size_t i) {
    const auto *offsets = static_cast<const std::int32_t *>(array.buffers[1]);
    const auto size = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
    return T(static_cast<const char *>(array.buffers[2]) + offsets[i], size);
  }

  // How a cell of a column is read, by Arrow's letter for its type; NULL if it is no `T`.
  static T (*reader(const char *format))(const ArrowArray &, std::size_t) {
    if constexpr (std::is_same_v<T, std::int64_t>) switch (*format) {
        case 't': case 'l': return number<std::int64_t>;
        case 'i': return number<std::int32_t>;
        case 's': return number<std::int16_t>;
        case 'c': return number<std::int8_t>;
        case 'I': return number<std::uint32_t>;
        case 'S': return number<std::uint16_t>;
        case 'C': return number<std::uint8_t>;
        default: return nullptr;
      }
    else if constexpr (std::is_same_v<T, double>)
      return *format == 'g' ? number<double> : *format == 'f' ? number<float> : nullptr;
    else if constexpr (std::is_same_v<T, bool>) return *format == 'b' ? number<bool> : nullptr;
    else return *format == 'u' || *format == 'z' ? text : nullptr;
  }

  const ArrowArray *array_;
  std::size_t first_;
  T (*read_)(const ArrowArray &, std::size_t);
};

// Some rows of a result. They stay good after the stream and the database are gone.
class Batch {
 public:
  using Schema = std::shared_ptr<const detail::Arrow<ArrowSchema>>;
  Batch(detail::Arrow<ArrowArray> array, Schema schema) : array_(std::move(array)), schema_(std::move(schema)) {}

  std::size_t rows() const { return static_cast<std::size_t>(array().length); }
  template <class T>
  Column<T> column(std::size_t index) const {
    if (index >= static_cast<std::size_t>(array().n_children)) throw std::out_of_range("no such column");
    const ArrowArray &child = *array().children[index];
    // A slice of a struct array leaves its children whole: both have an offset.
    return Column<T>(child, array().offset + child.offset, *schema().children[index]);
  }
  template <class T>
  Column<T> column(std::string_view name) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(array().n_children); ++i)
      if (name == schema().children[i]->name) return column<T>(i);
    throw Error(CHL_ERROR_SCHEMA, "no column \"" + std::string(name) + "\" in the result");
  }

  const ArrowArray &array() const { return array_.raw; }
  const ArrowSchema &schema() const { return schema_->raw; }

 private:
  detail::Arrow<ArrowArray> array_;
  Schema schema_;
};

// The batches of a result, each read when it is asked for. `for (auto &batch : stream)` reads the rest.
class Stream {
 public:
  explicit Stream(detail::Arrow<ArrowArrayStream> stream) : stream_(std::move(stream)) {
    auto schema = std::make_shared<detail::Arrow<ArrowSchema>>();
    check(stream_.raw.get_schema(&stream_.raw, &schema->raw));
    schema_ = std::move(schema);
  }

  std::optional<Batch> next() {
    if (!stream_.raw.release) return std::nullopt;  // released or moved away
    detail::Arrow<ArrowArray> array;
    check(stream_.raw.get_next(&stream_.raw, &array.raw));
    if (!array.raw.release) return std::nullopt;
    return Batch(std::move(array), schema_);
  }
  // For what reads Arrow streams too, such as arrow::ImportRecordBatchReader. This one is empty then.
  ArrowArrayStream release() noexcept { return stream_.release(); }

  struct End {};
  struct Iterator {
    Batch &operator*() { return *batch; }
    Iterator &operator++() { return batch = stream->next(), *this; }
    bool operator!=(End) const { return batch.has_value(); }

    Stream *stream;
    std::optional<Batch> batch;
  };
  Iterator begin() { return {this, next()}; }
  End end() const { return {}; }

 private:
  // A stream tells of errors as Arrow does, by an errno and a text; chl_last_error has status and file too.
  static void check(int code) {
    if (code != 0) throw Error(*chl_last_error());
  }

  detail::Arrow<ArrowArrayStream> stream_;
  Batch::Schema schema_;
};

struct ScanOptions {
  std::optional<std::vector<std::string>> columns = {};  // none: all; an empty list: the time alone
  Key key = {};
  std::string where = {};  // such as "temp > 20.5 and site = 'a'"
  std::uint64_t limit = 0;
  bool reverse = false;
};

struct DownsampleOptions {
  std::vector<std::string> by = {};
  chl_origin origin = CHL_ORIGIN_EPOCH;
  chl_fill fill = CHL_FILL_NONE;
  std::int64_t origin_time = 0, fill_integer = 0;
  double fill_number = 0;
  std::string tz = {}, where = {};
  bool exact = false;
};

// The rows of a table as they arrive. Another thread may end a wait by `interrupt`.
class Tail {
 public:
  // The next rows, or none if none came in time.
  std::optional<Batch> next(std::int64_t timeout_ms = CHL_FOREVER) {
    auto schema = std::make_shared<detail::Arrow<ArrowSchema>>();
    detail::Arrow<ArrowArray> array;
    if (!detail::check(chl_next_of_tail(handle_.raw, timeout_ms, &schema->raw, &array.raw, &cursor_)))
      return std::nullopt;
    return Batch(std::move(array), std::move(schema));
  }
  void interrupt() { detail::check(chl_interrupt_tail(handle_.raw)); }
  std::uint64_t cursor() const { return cursor_; }  // where to go on, in a later process too

 private:
  friend class Table;
  Tail(chl_table table, std::uint64_t cursor) : cursor_(cursor) {
    detail::check(chl_open_tail(table, cursor, &handle_.raw));
  }

  detail::Handle<chl_tail, chl_close_tail> handle_;
  std::uint64_t cursor_;
};

class Table {
 public:
  // The number of the row.
  std::uint64_t append_row(std::int64_t time, std::initializer_list<Value> values) {
    const auto row = detail::cells(values);
    std::uint64_t seq = 0;
    detail::check(chl_append_row(raw(), time, row.data(), row.size(), &seq));
    return seq;
  }
  // How many rows.
  std::uint64_t append_columns(const std::vector<std::int64_t> &times, std::initializer_list<Values> columns) {
    std::vector<chl_array> arrays;
    for (const Values &column : columns) {
      // The C call has one count for all, and would read past the end of a shorter one.
      if (column.rows() != times.size())
        throw Error(CHL_ERROR_SCHEMA, "column \"" + column.name() + "\" has " + std::to_string(column.rows()) +
                                          " rows, and there are " + std::to_string(times.size()) + " times");
      arrays.push_back(column.raw());
    }
    std::uint64_t rows = 0;
    detail::check(chl_append_columns(raw(), times.size(), times.data(), arrays.data(), arrays.size(), &rows));
    return rows;
  }

  Stream scan(std::int64_t start = CHL_NO_START, std::int64_t end = CHL_NO_END, const ScanOptions &o = {}) const {
    static const std::vector<std::string> none;
    const auto columns = detail::pointers(o.columns ? *o.columns : none);
    const auto key = detail::cells(o.key);
    auto options = defaults<chl_scan_options>();
    if (o.columns) options.columns = columns.data(), options.column_count = o.columns->size();
    options.key = key.data(), options.key_count = key.size();
    options.where = detail::or_null(o.where);
    options.limit = o.limit, options.reverse = o.reverse;
    return stream([&](auto *out) { return chl_scan(raw(), start, end, &options, out); });
  }
  Stream last(std::size_t n = 1, const Key &key = {}) const {
    const auto k = detail::cells(key);
    return stream([&](auto *out) { return chl_last(raw(), n, k.data(), k.size(), out); });
  }
  Stream asof(std::int64_t time, const Key &key = {}) const {
    const auto k = detail::cells(key);
    return stream([&](auto *out) { return chl_asof(raw(), time, k.data(), k.size(), out); });
  }
  Stream downsample(std::int64_t every, const std::vector<chl_wanted> &wanted, std::int64_t start = CHL_NO_START,
                    std::int64_t end = CHL_NO_END, const DownsampleOptions &o = {}) const {
    const auto by = detail::pointers(o.by);
    auto options = defaults<chl_downsample_options>();
    options.every = every;
    options.by = by.data(), options.by_count = o.by.size();
    options.origin = o.origin, options.origin_time = o.origin_time;
    options.fill = o.fill, options.fill_integer = o.fill_integer, options.fill_number = o.fill_number;
    options.tz = detail::or_null(o.tz), options.where = detail::or_null(o.where);
    options.exact = o.exact;
    return stream([&](auto *out) {
      return chl_downsample(raw(), start, end, &options, wanted.data(), wanted.size(), out);
    });
  }
  Tail tail(std::uint64_t cursor = CHL_TAIL_NOW) const { return Tail(raw(), cursor); }

  chl_table raw() const { return handle_.raw; }

 private:
  friend class Db;
  friend class Snapshot;
  template <class Find>
  explicit Table(Find find) {
    detail::check(find(&handle_.raw));
  }

  template <class Call>
  static Stream stream(Call call) {
    detail::Arrow<ArrowArrayStream> out;
    detail::check(call(&out.raw));
    return Stream(std::move(out));
  }

  detail::Handle<chl_table, chl_release_table> handle_;
};

// One moment of a database. Its tables read as others do, and may outlive it.
class Snapshot {
 public:
  Table table(const std::string &name) const {
    return Table([&](auto *out) { return chl_snapshot_table(handle_.raw, name.c_str(), out); });
  }

 private:
  friend class Db;
  explicit Snapshot(chl_db db) { detail::check(chl_take_snapshot(db, &handle_.raw)); }

  detail::Handle<chl_snapshot, chl_release_snapshot> handle_;
};

struct ColumnSpec {
  std::string name;
  chl_type type;
  const char *codec = nullptr;
};

struct TableOptions {
  std::vector<std::string> key = {};
  chl_on_conflict on_conflict = CHL_CONFLICT_ALL;
  chl_time_unit time_unit = CHL_UNIT_MILLISECOND;
  chl_storage storage = CHL_STORAGE_BALANCED;
  std::string time_column = "ts";
};

class Db {
 public:
  explicit Db(const std::string &path, const chl_options &options = defaults<chl_options>()) {
    detail::check(chl_open(path.c_str(), &options, &handle_.raw));
  }
  // The handle ends, whatever comes of it: what could not be flushed is still in the log.
  void close() { detail::check(chl_close(handle_.release())); }
  void flush() { detail::check(chl_flush(raw())); }

  Table create_table(const std::string &name, const std::vector<ColumnSpec> &columns, const TableOptions &o = {}) {
    std::vector<chl_column> specs;
    for (const auto &column : columns) specs.push_back({column.name.c_str(), column.type, column.codec});
    const auto key = detail::pointers(o.key);
    auto spec = defaults<chl_table_spec>();
    spec.columns = specs.data(), spec.column_count = specs.size();
    spec.key = key.data(), spec.key_count = o.key.size();
    spec.time_column = o.time_column.c_str(), spec.time_unit = o.time_unit;
    spec.on_conflict = o.on_conflict, spec.storage = o.storage;
    return Table([&](auto *out) { return chl_create_table(raw(), name.c_str(), &spec, out); });
  }
  Table table(const std::string &name) const {
    return Table([&](auto *out) { return chl_find_table(raw(), name.c_str(), out); });
  }
  Snapshot snapshot() const { return Snapshot(raw()); }

  // Rows inserted.
  std::uint64_t execute(const std::string &sql) {
    std::uint64_t rows = 0;
    detail::check(chl_execute(raw(), sql.c_str(), &rows));
    return rows;
  }
  // A report as JSON. Without a name, all tables are packed.
  std::string pack(const std::string &table = "", std::size_t least_rows = 0) {
    char *report = nullptr;
    detail::check(chl_pack(raw(), detail::or_null(table), least_rows, &report));
    return detail::take(report);
  }
  std::string stats() const {
    char *json = nullptr;
    detail::check(chl_stats(raw(), &json));
    return detail::take(json);
  }
  chl_db raw() const { return handle_.raw; }

 private:
  detail::Handle<chl_db, chl_close> handle_;
};

}  // namespace chronolite

#endif  // CHRONOLITE_HPP
