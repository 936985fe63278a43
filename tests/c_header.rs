//! `include/chronolite.h` is what the sources say. `make header` writes it.

use std::env;
use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, ExportConfig, Language, Style};

const CONTRACT: &str = include_str!("../src/capi/header/contract.h");
const ARROW: &str = include_str!("../src/capi/header/arrow.h");
const VALUES: &str = include_str!("../src/capi/header/values.h");

/// What a reader wants to know first comes first.
const READ: [&str; 16] = [
    "status.rs",
    "error.rs",
    "handles.rs",
    "options.rs",
    "database.rs",
    "table_spec.rs",
    "table.rs",
    "value.rs",
    "append.rs",
    "columns.rs",
    "arrow.rs",
    "scan.rs",
    "aggregate.rs",
    "snapshot.rs",
    "tail.rs",
    "text.rs",
];

/// What `chl_options.mode` and the like are numbers of.
const NUMBERED: [&str; 11] = [
    "chl_mode",
    "chl_durability",
    "chl_kind",
    "chl_type",
    "chl_time_unit",
    "chl_on_conflict",
    "chl_storage",
    "chl_aggregate_kind",
    "chl_origin",
    "chl_fill",
    "chl_status",
];

#[test]
fn the_header_is_what_the_sources_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (path, made) = (root.join("include/chronolite.h"), header(root));
    if env::var_os("CHRONOLITE_WRITE_HEADER").is_some() {
        fs::create_dir_all(root.join("include")).unwrap();
        fs::write(&path, &made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    let differs = there.lines().zip(made.lines()).find(|(there, made)| there != made);
    assert!(
        there == made,
        "include/chronolite.h is not up to date, run `make header`: {differs:?}"
    );
}

#[test]
fn what_the_header_says_by_hand_is_what_the_sources_say() {
    use chronolite::capi;
    assert_eq!((capi::CHL_NO_START, capi::CHL_NO_END), (i64::MIN, i64::MAX));
    assert_eq!((capi::CHL_TAIL_NOW, capi::CHL_FOREVER), (u64::MAX, -1));
    for name in ["NO_START INT64_MIN", "NO_END INT64_MAX", "TAIL_NOW UINT64_MAX"] {
        assert!(ARROW.contains(&format!("#define CHL_{name}\n")), "{name}");
    }
    let size = |fields: usize| fields * 8;
    assert_eq!(size_of::<arrow_array::ffi::FFI_ArrowSchema>(), size(9));
    assert_eq!(size_of::<arrow_array::ffi::FFI_ArrowArray>(), size(10));
    assert_eq!(size_of::<arrow_array::ffi_stream::FFI_ArrowArrayStream>(), size(5));
}

fn header(root: &Path) -> String {
    let renamed = ["ArrowSchema", "ArrowArray", "ArrowArrayStream"];
    let rename = renamed.map(|name| (format!("FFI_{name}"), format!("struct {name}")));
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        style: Style::Both,
        header: Some(CONTRACT.trim_end().into()),
        include_guard: Some("CHRONOLITE_H".into()),
        no_includes: true,
        sys_includes: ["stddef.h", "stdint.h", "string.h"].map(String::from).into(),
        after_includes: Some(format!(
            "\n{}",
            ARROW.replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        )),
        usize_is_size_t: true,
        documentation_style: DocumentationStyle::Doxy,
        tab_width: 2,
        line_length: 100,
        export: ExportConfig {
            include: NUMBERED.map(String::from).into(),
            exclude: ["CHL_NO_START", "CHL_NO_END", "CHL_TAIL_NOW", "CHL_FOREVER"]
                .map(String::from)
                .into(),
            rename: rename.into_iter().collect(),
            ..ExportConfig::default()
        },
        enumeration: EnumConfig::default(),
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for file in READ {
        builder = builder.with_src(root.join("src/capi").join(file));
    }
    let mut bytes = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut bytes);
    tidy(&String::from_utf8(bytes).expect("UTF-8"))
}

/// Without what is said to Rust alone and what only C23 has, and with the functions that make values.
fn tidy(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines().map(str::trim_end).peekable();
    let mut numbered = None;
    while let Some(line) = lines.next() {
        let next = lines.peek().copied().unwrap_or_default();
        if line == " *" && next == " * # Safety" {
            lines.by_ref().find(|line| *line == " */");
            out.push_str(" */\n");
        } else if line == " *" && next == " */" {
            // What was said to cbindgen.
        } else if line.starts_with("enum ") && next.starts_with("#if") {
            // A number of a size that C and C++ agree on, and its names.
            numbered = line.strip_prefix("enum ");
            lines.by_ref().find(|line| *line == " {");
            out.push_str("enum {\n");
        } else if let (Some(name), "};") = (numbered, line) {
            numbered = None;
            let typedefs = lines.by_ref().take_while(|line| *line != "#endif // __cplusplus");
            assert!(typedefs.last().is_some());
            out.push_str(&format!("}};\ntypedef int32_t {name};\n"));
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    // They go before the end of what is C in C++.
    let end = out.rfind("#ifdef __cplusplus").expect("an end");
    out.insert_str(end, &format!("{VALUES}\n"));
    out
}
