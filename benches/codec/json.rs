//! The figures as JSON, one object a line.

use std::fmt::Write;

use crate::data::Data;
use crate::figure::Figure;
use crate::judge::{TARGETS, Verdict};

/// Names are plain: Rust's quotes are those of JSON.
pub(crate) fn text(sets: &[Data], figures: &[Figure], verdicts: &[Verdict]) -> String {
    let mut out = String::from("{\n");
    let sets = sets.iter().map(|data| {
        let Data { name, ty, decimal, .. } = data;
        let (rows, ty) = (data.rows(), ty.to_string());
        format!(r#"{{"name": {name:?}, "type": {ty:?}, "rows": {rows}, "decimal": {decimal}}}"#)
    });
    list(&mut out, "sets", sets);
    out.push_str(",\n");
    let figures = figures.iter().map(|figure| {
        let Figure { data, kind, who, codecs, bits, encode, decode } = figure;
        let kind = kind.name();
        format!(
            r#"{{"data": {data:?}, "kind": {kind:?}, "who": {who:?}, "codecs": {codecs:?}, "bits": {bits:.4}, "encode": {encode:.1}, "decode": {decode:.1}}}"#
        )
    });
    list(&mut out, "figures", figures);
    out.push_str(",\n");
    let texts =
        TARGETS.iter().map(|(name, text)| format!(r#"{{"name": {name:?}, "text": {text:?}}}"#));
    list(&mut out, "targets", texts);
    out.push_str(",\n");
    let verdicts = verdicts.iter().map(|verdict| {
        let Verdict { target, data, wanted, of, found, met } = verdict;
        format!(
            r#"{{"target": {target:?}, "data": {data:?}, "wanted": {wanted:.4}, "of": {of:?}, "found": {found:.4}, "met": {met}}}"#
        )
    });
    list(&mut out, "verdicts", verdicts);
    out.push_str("\n}\n");
    out
}

fn list(out: &mut String, name: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    write!(out, "{name:?}: [\n{}\n]", items.join(",\n")).expect("a string takes it");
}
