// Sensors at two sites of a plant, from C++: rows that come one by one and in columns, and what is asked of
// them. `sensor FILE` opens FILE or makes it; build it with
//
//     c++ -std=c++17 sensor.cpp $(pkg-config --cflags --libs chronolite) -o sensor

#include "chronolite.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

using chronolite::Db;

constexpr std::int64_t minute = 60'000, hour = 60 * minute;  // the table counts milliseconds
constexpr std::int64_t six = 1'714'543'200'000;              // 2024-05-01T06:00:00 UTC

static std::string shown(std::optional<double> number) {
  char text[32] = "none";
  if (number) std::snprintf(text, sizeof text, "%.2f", *number);
  return text;
}

static chronolite::Table make_table(Db &db) {
  chronolite::TableOptions options;
  options.key = {"site"};
  // A sensor that sends a reading again replaces it: running this twice changes nothing.
  options.on_conflict = CHL_CONFLICT_LAST;
  return db.create_table("readings", {{"site", CHL_TYPE_UTF8}, {"temp", CHL_TYPE_F64}, {"rpm", CHL_TYPE_I64}},
                         options);
}

static void append(chronolite::Table &readings) {
  for (int i = 0; i < 6; ++i) readings.append_row(six + i * 30 * minute, {"boiler", 70.0 + i, nullptr});

  const std::vector<std::int64_t> times = {six, six + hour, six + 2 * hour};
  const std::vector<std::optional<double>> temps = {41.5, std::nullopt, 43.5};
  const std::vector<std::int64_t> rpms = {1480, 1495, 1502};
  const auto rows = readings.append_columns(
      times, {{"site", std::vector<std::string>(3, "pump")}, {"temp", temps}, {"rpm", rpms}});
  std::printf("%d rows as columns\n", static_cast<int>(rows));
}

static void ask(const chronolite::Table &readings) {
  std::puts("the second hour:");
  for (const auto &batch : readings.scan(six + hour, six + 2 * hour)) {
    const auto ts = batch.column<std::int64_t>(0);
    const auto site = batch.column<std::string_view>("site");
    const auto temp = batch.column<double>("temp");
    for (std::size_t row = 0; row < batch.rows(); ++row)
      std::printf("  +%3d min  %-6s  %s\n", static_cast<int>((*ts[row] - six) / minute),
                  std::string(*site[row]).c_str(), shown(temp[row]).c_str());
  }

  if (const auto last = readings.last(1, {"boiler"}).next())
    std::printf("last of the boiler: %s\n", shown(last->column<double>("temp")[0]).c_str());

  chronolite::DownsampleOptions by_site;
  by_site.by = {"site"};
  std::puts("hourly means:");
  for (const auto &batch : readings.downsample(hour, {{"temp", CHL_MEAN}}, CHL_NO_START, CHL_NO_END, by_site))
    for (std::size_t row = 0; row < batch.rows(); ++row)
      std::printf("  +%d h  %-6s  %s\n", static_cast<int>((*batch.column<std::int64_t>(0)[row] - six) / hour),
                  std::string(*batch.column<std::string_view>("site")[row]).c_str(),
                  shown(batch.column<double>("temp_mean")[row]).c_str());
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  try {
    Db db(argv[1]);
    auto readings = make_table(db);
    append(readings);
    ask(readings);
    try {
      readings.append_row(six, {"pump", "hot", 1500});
    } catch (const chronolite::Error &error) {
      std::printf("refused, %s: %s\n", chl_status_name(error.status), error.what());
    }
    db.close();
  } catch (const chronolite::Error &error) {
    std::fprintf(stderr, "%s: %s\n", chl_status_name(error.status), error.what());
    return 1;
  }
}
