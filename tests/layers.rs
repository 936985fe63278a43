//! Imports point strictly down, and what only one layer may touch is touched nowhere else.
//!
//! The sources are read as text: comments and literals are cut away, the rest is split into words,
//! and every `crate::x` and every `super::` that leaves its own top-level module is looked up in
//! `LAYERS`. That is less than a compiler knows, and enough, because `lib.rs` re-exports may not be
//! used inside the crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Each top-level module and those below it that it may use; `error` is everyone's.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("base", &[]),
    ("codec", &["base"]),
    ("format", &["base", "codec"]),
    ("index", &["base", "codec", "format"]),
    ("store", &["base", "codec", "format"]),
    // Beside the tower: columns to Arrow and back, and nothing of where they came from.
    ("arrow", &["base"]),
    ("db", &["arrow", "base", "codec", "format", "index", "store"]),
    ("chronomap", &["arrow", "base", "codec", "db", "format", "index", "store"]),
    ("nanots", &["arrow", "base", "codec", "db", "format", "index", "store"]),
    ("series", &["arrow", "base", "codec", "db", "format", "index", "store"]),
    ("timelog", &["arrow", "base", "codec", "db", "format", "index", "store"]),
    (
        "capi",
        &[
            "arrow",
            "base",
            "chronomap",
            "codec",
            "db",
            "format",
            "index",
            "nanots",
            "series",
            "store",
            "timelog",
        ],
    ),
    (
        "python",
        &[
            "arrow",
            "base",
            "chronomap",
            "codec",
            "db",
            "format",
            "index",
            "nanots",
            "series",
            "store",
            "timelog",
        ],
    ),
];

/// What the root re-exports that its own modules may still name through it.
const ROOT_NAMES: &[&str] = &["Error", "ErrorKind", "Result"];

/// Paths that belong to one module. Test code may use those marked so: it looks at files to check.
const RESERVED: &[Reserved] = &[
    Reserved { path: &["pyo3"], home: "python", in_tests: false },
    Reserved { path: &["std", "fs"], home: "store", in_tests: true },
    Reserved { path: &["OpenOptions"], home: "store", in_tests: true },
    Reserved { path: &["File", "open"], home: "store", in_tests: true },
    Reserved { path: &["File", "create"], home: "store", in_tests: true },
    Reserved { path: &["File", "create_new"], home: "store", in_tests: true },
    Reserved { path: &["File", "options"], home: "store", in_tests: true },
    Reserved { path: &["rustix", "fs"], home: "store", in_tests: true },
    Reserved { path: &["memmap2"], home: "store", in_tests: true },
];

/// Lines of code that may stand between a SAFETY comment and the `unsafe` it is about.
const SAFETY_REACH: usize = 3;

struct Reserved {
    path: &'static [&'static str],
    home: &'static str,
    in_tests: bool,
}

/// A source file: its path below `src`, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

/// A word or a sign of code, and its line, counted from 0.
#[derive(Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

#[test]
fn imports_point_down() {
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut sources);
    assert!(sources.iter().any(|source| source.path == "lib.rs"), "src/lib.rs was not read");
    let problems = check(&sources);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    println!("{} files, no arrow that points up", sources.len());
}

fn collect(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("src can be listed") {
        let path = entry.expect("an entry of src").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, &format!("{prefix}{name}/"), sources);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("a source file of text");
            sources.push(Source { path: format!("{prefix}{name}"), text });
        }
    }
}

/// Every breach of the rules in these files, one line each.
fn check(sources: &[Source]) -> Vec<String> {
    let parsed: Vec<_> = sources.iter().map(|source| (source, tokens(&source.text))).collect();
    let test_modules: BTreeSet<_> =
        parsed.iter().flat_map(|(source, tokens)| test_modules(&source.path, tokens)).collect();
    let mut problems = Vec::new();
    for (source, tokens) in &parsed {
        let module = module_path(&source.path);
        let in_test_file =
            (1..=module.len()).any(|depth| test_modules.contains(&module[..depth].join("::")));
        let tests = if in_test_file { vec![true; tokens.len()] } else { test_code(tokens) };
        let mut report = |line: usize, what: String| {
            problems.push(format!("src/{}:{}: {what}", source.path, line + 1));
        };
        check_arrows(&module, tokens, &mut report);
        check_reserved(module.first().map_or("", String::as_str), tokens, &tests, &mut report);
        check_unsafe(&source.text, tokens, &mut report);
    }
    problems
}

fn check_arrows(module: &[String], tokens: &[Token], report: &mut impl FnMut(usize, String)) {
    // The root maps modules and re-exports them; it is above everything.
    let Some(layer) = module.first() else { return };
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| name == layer) else {
        report(
            0,
            format!("`{layer}` is in no layer: give it a place in LAYERS of tests/layers.rs"),
        );
        return;
    };
    for (line, name) in root_names(module.len(), tokens) {
        let is_layer = LAYERS.iter().any(|(other, _)| *other == name);
        if is_layer {
            if name != *layer && name != "error" && !below.contains(&name.as_str()) {
                report(line, format!("`{layer}` may not use `{name}`"));
            }
        } else if !ROOT_NAMES.contains(&name.as_str()) {
            report(line, format!("name `{name}` by its own module, not through the crate's root"));
        }
    }
}

fn check_reserved(
    layer: &str,
    tokens: &[Token],
    tests: &[bool],
    report: &mut impl FnMut(usize, String),
) {
    for reserved in RESERVED.iter().filter(|reserved| reserved.home != layer) {
        for at in 0..tokens.len() {
            if names_path(tokens, at, reserved.path) && !(reserved.in_tests && tests[at]) {
                let path = reserved.path.join("::");
                let home = reserved.home;
                report(tokens[at].line, format!("`{path}` belongs to `src/{home}`"));
            }
        }
    }
}

fn check_unsafe(text: &str, tokens: &[Token], report: &mut impl FnMut(usize, String)) {
    let lines: Vec<_> = text.lines().collect();
    for (at, token) in tokens.iter().enumerate() {
        // `#[unsafe(no_mangle)]` is an attribute.
        let is_attribute = tokens.get(at + 1).is_some_and(|next| next.text == "(");
        if token.text == "unsafe" && !is_attribute && !is_explained(&lines, token.line) {
            report(token.line, "`unsafe` without a SAFETY comment above".to_owned());
        }
    }
}

/// True if a comment on `line`, or above it with at most `SAFETY_REACH` lines of code or attributes
/// between, says `SAFETY` (or `# Safety`, in the documentation of what is unsafe to call).
fn is_explained(lines: &[&str], line: usize) -> bool {
    let says = |line: &str| {
        line.split_once("//")
            .is_some_and(|(_, comment)| comment.contains("SAFETY") || comment.contains("# Safety"))
    };
    let mut code = 0;
    for text in lines[..=line].iter().rev() {
        if says(text) {
            return true;
        }
        if !text.trim_start().starts_with("//") {
            code += 1;
        }
        if code > SAFETY_REACH {
            return false;
        }
    }
    false
}

/// `base/batch.rs` is `base::batch`, `base/mod.rs` is `base`, `lib.rs` is the root.
fn module_path(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The names that stand right below the crate's root, by `crate::` or by enough `super::`.
fn root_names(file_depth: usize, tokens: &[Token]) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    // For each open brace, whether it is that of an inline module.
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2].text == "mod"),
            "}" => {
                braces.pop();
            }
            "crate" if is_separator(tokens, at + 1) => names.extend(heads(tokens, at + 2)),
            "super" => {
                let mut levels = 1;
                while is_separator(tokens, at + 1)
                    && tokens.get(at + 2).is_some_and(|next| next.text == "super")
                {
                    levels += 1;
                    at += 2;
                }
                let depth = file_depth + braces.iter().filter(|&&is_module| is_module).count();
                if levels >= depth && is_separator(tokens, at + 1) {
                    names.extend(heads(tokens, at + 2));
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// The first names of what follows a `::`: one, or those of a group in braces.
fn heads(tokens: &[Token], at: usize) -> Vec<(usize, String)> {
    let Some(first) = tokens.get(at) else { return Vec::new() };
    if first.text != "{" {
        return vec![(first.line, first.text.clone())];
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut starts = false;
    for token in &tokens[at..] {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                starts = depth == 1;
            }
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => starts = true,
            _ if starts => {
                names.push((token.line, token.text.clone()));
                starts = false;
            }
            _ => {}
        }
    }
    names
}

/// True if the tokens at `at` begin with this path, its last name perhaps in a group.
fn names_path(tokens: &[Token], at: usize, path: &[&str]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut at = at;
    for parent in parents {
        if tokens[at].text != *parent || !is_separator(tokens, at + 1) {
            return false;
        }
        at += 2;
        if at >= tokens.len() {
            return false;
        }
    }
    if parents.is_empty() {
        return tokens[at].text == *last;
    }
    heads(tokens, at).iter().any(|(_, name)| name == last)
}

fn is_separator(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.text == "::")
}

/// For each token, whether it is in an item under `#[cfg(test)]` or in a `#[test]`.
fn test_code(tokens: &[Token]) -> Vec<bool> {
    let mut tests = vec![false; tokens.len()];
    for at in (0..tokens.len()).filter(|&at| is_test_attribute(tokens, at)) {
        let end = item_end(tokens, at);
        tests[at..end].fill(true);
    }
    tests
}

/// The modules in other files that are under `#[cfg(test)]`, as `db::tests`.
fn test_modules(path: &str, tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for at in (0..tokens.len()).filter(|&at| is_test_attribute(tokens, at)) {
        if let [.., keyword, name, end] = &tokens[at..item_end(tokens, at)]
            && keyword.text == "mod"
            && end.text == ";"
        {
            let mut module = module_path(path);
            module.push(name.text.clone());
            found.push(module.join("::"));
        }
    }
    found
}

fn is_test_attribute(tokens: &[Token], at: usize) -> bool {
    let is = |words: &[&str]| {
        tokens.len() >= at + words.len()
            && words.iter().zip(&tokens[at..]).all(|(word, token)| token.text == *word)
    };
    is(&["#", "[", "cfg", "(", "test", ")", "]"]) || is(&["#", "[", "test", "]"])
}

/// Past the end of the item that begins at `at`: its `;`, or the brace that closes its first one.
fn item_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            ";" if depth == 0 => return index + 1,
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth <= 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The words and signs of Rust code, without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let get = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 0);
    while at < chars.len() {
        let begin = at;
        let first_line = line;
        let mut is_code = false;
        match chars[at] {
            '/' if get(at + 1) == '/' => at = line_end(&chars, at),
            '/' if get(at + 1) == '*' => at = comment_end(&chars, at),
            '"' => at = string_end(&chars, at, None),
            '\'' if get(at + 1) == '\\' || get(at + 2) == '\'' => at = char_end(&chars, at),
            c if c.is_alphanumeric() || c == '_' => {
                while get(at).is_alphanumeric() || get(at) == '_' {
                    at += 1;
                }
                match raw_string(&chars, begin, at) {
                    Some(end) => at = end,
                    None => is_code = true,
                }
            }
            ':' if get(at + 1) == ':' => {
                at += 2;
                is_code = true;
            }
            c => {
                at += 1;
                is_code = !c.is_whitespace();
            }
        }
        line += chars[begin..at].iter().filter(|&&c| c == '\n').count();
        if is_code {
            found.push(Token { text: chars[begin..at].iter().collect(), line: first_line });
        }
    }
    found
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length)
}

fn comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at.min(chars.len())
}

/// Past the string that opens at `at`; `hashes` is the number of a raw one's.
fn string_end(chars: &[char], at: usize, hashes: Option<usize>) -> usize {
    let mut at = at + 1;
    while at < chars.len() {
        match (chars[at], hashes) {
            ('\\', None) => at += 2,
            ('"', None) => return at + 1,
            ('"', Some(count))
                if chars[at + 1..].iter().take(count).filter(|&&c| c == '#').count() == count =>
            {
                return at + 1 + count;
            }
            _ => at += 1,
        }
    }
    chars.len()
}

/// Past the character that opens at `at`: `'x'`, `'\''`, `'\u{1f}'`.
fn char_end(chars: &[char], at: usize) -> usize {
    let content = if chars.get(at + 1) == Some(&'\\') { at + 3 } else { at + 2 };
    let close = chars.iter().skip(content).position(|&c| c == '\'');
    close.map_or(chars.len(), |length| content + length + 1)
}

/// If the word `chars[begin..end]` is the prefix of a string (`r`, `b`, `br`, `c`, `cr`), its end.
fn raw_string(chars: &[char], begin: usize, end: usize) -> Option<usize> {
    let prefix: String = chars[begin..end].iter().collect();
    let hashes = chars[end..].iter().take_while(|&&c| c == '#').count();
    let opens = chars.get(end + hashes) == Some(&'"');
    match prefix.as_str() {
        "r" | "br" | "cr" if opens => Some(string_end(chars, end + hashes, Some(hashes))),
        "b" | "c" if opens && hashes == 0 => Some(string_end(chars, end, None)),
        _ => None,
    }
}

// Controls: the checker has to see each kind of breach, and nothing where there is none.

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<_> = files
        .iter()
        .map(|(path, text)| Source { path: (*path).to_owned(), text: (*text).to_owned() })
        .collect();
    check(&sources)
}

#[test]
fn control_arrows_up_are_found() {
    let found = problems(&[
        ("lib.rs", "pub mod base;\npub mod db;\npub use db::Db;"),
        ("base/time.rs", "use crate::base::Batch;\nuse crate::db::table::Table;"),
        ("codec/mod.rs", "fn f() -> u8 { crate::format::frame::LEN }"),
        (
            "index/run.rs",
            "use crate::{base::{Batch, Value}, error::Error,\n    store::file::File};",
        ),
        ("store/wal.rs", "use crate::index::memtable;"),
        ("arrow/stream.rs", "use super::super::db::Scan;\nuse super::export;"),
        ("format/mod.rs", "mod tests { use super::super::store; use super::*; }"),
        ("timelog/mod.rs", "use crate::chronomap::Map; use crate::db::Db;"),
        ("python/db.rs", "use crate::capi::status;"),
        ("db/flush.rs", "use crate::Db;\nuse crate::Error;"),
        ("web/mod.rs", ""),
    ]);
    let expected = [
        "src/base/time.rs:2: `base` may not use `db`",
        "src/codec/mod.rs:1: `codec` may not use `format`",
        "src/index/run.rs:2: `index` may not use `store`",
        "src/store/wal.rs:1: `store` may not use `index`",
        "src/arrow/stream.rs:1: `arrow` may not use `db`",
        "src/format/mod.rs:1: `format` may not use `store`",
        "src/timelog/mod.rs:1: `timelog` may not use `chronomap`",
        "src/python/db.rs:1: `python` may not use `capi`",
        "src/db/flush.rs:1: name `Db` by its own module, not through the crate's root",
        "src/web/mod.rs:1: `web` is in no layer: give it a place in LAYERS of tests/layers.rs",
    ];
    assert_eq!(found, expected);
}

#[test]
fn control_reserved_names_are_found() {
    let found = problems(&[
        ("db/mod.rs", "use pyo3::prelude::*;"),
        ("db/scan.rs", "use std::{fmt, fs::File};\nfn f() { File::open(p) }"),
        ("format/mod.rs", "#[cfg(test)]\nmod tests { use std::fs; }\nuse std::fs::read;"),
        (
            "db/open.rs",
            "#[test]\nfn t() -> [u8; 2] { std::fs::read(p) }\n#[cfg(test)]\nmod helper;",
        ),
        ("db/open/helper.rs", "use std::fs;\nuse pyo3::Python;"),
        ("store/file.rs", "use std::fs::OpenOptions;"),
        ("python/mod.rs", "use pyo3::pyclass;"),
    ]);
    let expected = [
        "src/db/mod.rs:1: `pyo3` belongs to `src/python`",
        "src/db/scan.rs:1: `std::fs` belongs to `src/store`",
        "src/db/scan.rs:2: `File::open` belongs to `src/store`",
        "src/format/mod.rs:3: `std::fs` belongs to `src/store`",
        "src/db/open/helper.rs:2: `pyo3` belongs to `src/python`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn control_unexplained_unsafe_is_found() {
    let found = problems(&[(
        "store/mmap.rs",
        "fn f() {\n    // SAFETY: the file is sealed, and stays mapped\n    // as long as this does.\n    \
         let a =\n        unsafe { map() };\n    let x = 1;\n    let y = 2;\n    unsafe { cut() }\n}\n\
         #[unsafe(no_mangle)]\n/// # Safety\n/// `p` is valid.\npub unsafe fn g() {}\n",
    )]);
    assert_eq!(found, ["src/store/mmap.rs:8: `unsafe` without a SAFETY comment above"]);
}

#[test]
fn control_comments_and_literals_are_no_code() {
    let found = problems(&[(
        "base/mod.rs",
        "// crate::db::Db, unsafe\n/* crate::db /* nested */ pyo3 */\n//! crate::db\n\
         const A: &str = \"crate::db \\\" unsafe\";\nconst B: &str = r#\"\" crate::db \"#;\n\
         const C: char = '\"'; const D: char = '\\''; fn f<'a>(x: &'a str) -> &'a str { x }\n\
         const E: &[u8] = b\"pyo3\"; pub(in crate::base) fn g() {} pub(crate) fn h() {}\n",
    )]);
    assert_eq!(found, Vec::<String>::new());
}
