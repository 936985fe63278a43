//! Stretches of time that are read side by side make what one reading would. With `sim`, a stretch
//! has no more than some hundred rows.

#![allow(clippy::unwrap_used)] // a test that fails says where

use std::collections::BTreeMap;

use chronolite::{
    Aggregate, DataType, Db, DbOptions, DownsampleSpec, Fill, Predicate, ScanSpec, TableSpec,
};
use proptest::prelude::*;

const EACH: [Aggregate; 6] = [
    Aggregate::Count,
    Aggregate::Sum,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::First,
    Aggregate::Last,
];

/// Appended together: each run is sorted and its times begin anew.
fn runs() -> impl Strategy<Value = Vec<Vec<i64>>> {
    let run = (0i64..6000, prop::collection::vec(0i64..12, 50..400), any::<bool>());
    let times = run.prop_map(|(first, steps, far)| {
        let each = steps.into_iter().scan(first, |at, step| {
            *at += if far { step * 3 } else { step };
            Some(*at)
        });
        each.collect()
    });
    prop::collection::vec(times, 1..7)
}

/// Aggregates of values, in the order of [`EACH`].
fn of(values: &[i64]) -> Vec<i64> {
    let ends = (values[0], values[values.len() - 1]);
    let (least, most) = values.iter().fold((i64::MAX, i64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    vec![values.len() as i64, values.iter().sum(), least, most, ends.0, ends.1]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_result_is_the_same(
        runs in runs(),
        bounds in (prop::option::of(0i64..8000), prop::option::of(0i64..8000)),
        gone in prop::option::of((0i64..8000, 1i64..2000)),
        flushed in prop::collection::vec(any::<bool>(), 7),
        every in prop::sample::select(vec![1i64, 7, 50, 333, 5000]),
        least in prop::option::of(0i64..1000),
        reverse in any::<bool>(),
        fill in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path().join("t.chl"), DbOptions::default()).unwrap();
        let table = db.create_table("t", TableSpec::new([("x", DataType::I64)])).unwrap();
        let mut model: Vec<(i64, i64)> = vec![];
        for (run, flushed) in runs.iter().zip(flushed) {
            for &ts in run {
                let x = model.len() as i64 * 37 % 1000;
                table.append_row(ts, &[x.into()]).unwrap();
                model.push((ts, x));
            }
            if flushed {
                db.flush().unwrap();
            }
        }
        if let Some((start, len)) = gone {
            table.delete(Some(start), Some(start + len), None).unwrap();
            model.retain(|(ts, _)| !(start..start + len).contains(ts));
        }
        let (start, end) = bounds;
        let inside = |ts: i64| start.is_none_or(|s| ts >= s) && end.is_none_or(|e| ts < e);
        model.retain(|&(ts, x)| inside(ts) && least.is_none_or(|least| x >= least));
        model.sort_by_key(|(ts, _)| *ts);
        let filter = least.map(|least| Predicate::parse(&format!("x >= {least}")).unwrap());

        let mut spec = ScanSpec::default();
        (spec.start, spec.end, spec.filter, spec.reverse) = (start, end, filter.clone(), reverse);
        let mut rows = vec![];
        for piece in table.scan(spec).unwrap().all_batches().unwrap() {
            let piece = piece.unwrap();
            let columns = piece[0].values::<i64>().iter().zip(piece[1].values::<i64>());
            rows.extend(columns.map(|(ts, x)| (*ts, *x)));
        }
        let backwards = |rows: &[(i64, i64)]| rows.iter().rev().copied().collect::<Vec<_>>();
        prop_assert_eq!(rows, if reverse { backwards(&model) } else { model.clone() });

        let mut expected: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (ts, x) in &model {
            expected.entry(ts.div_euclid(every) * every).or_default().push(*x);
        }
        let fill = fill.then_some(Fill::Int(-1)).filter(|_| start.is_none() && end.is_none());
        let mut spec = DownsampleSpec::new(every, [("x", EACH.to_vec())]);
        (spec.start, spec.end, spec.filter, spec.fill) = (start, end, filter, fill);
        let mut found = vec![];
        for piece in table.downsample(spec).unwrap().batches(100).unwrap() {
            let piece = piece.unwrap();
            for (row, &start) in piece[0].values::<i64>().iter().enumerate() {
                let values = piece[1..].iter().map(|column| column.values::<i64>()[row]);
                found.push((start, values.collect::<Vec<_>>()));
            }
        }
        let mut expected: BTreeMap<i64, Vec<i64>> =
            expected.into_iter().map(|(start, values)| (start, of(&values))).collect();
        if fill.is_some() && let Some((&first, &last)) = expected.keys().next().zip(expected.keys().last()) {
            for start in (first..=last).step_by(every as usize) {
                expected.entry(start).or_insert_with(|| vec![0, -1, -1, -1, -1, -1]);
            }
        }
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}
