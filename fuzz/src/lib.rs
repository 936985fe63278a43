//! What the fuzz targets have in common. What each does is in `tests/fuzz/bodies`.

#[path = "../../tests/fuzz/bodies/mod.rs"]
pub mod bodies;

pub use libfuzzer_sys;

/// A target of that name.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(
            init: $crate::let_pco_panic(),
            |data: &[u8]| { $crate::run(stringify!($name), data) }
        );
    };
}

/// A panic ends a target, but for those of the crate `pco`: the codec takes them for damage.
pub fn let_pco_panic() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.location().is_some_and(|place| place.file().contains("/pco-")) {
            abort(info);
        }
    }));
}

/// Does what the target of that name does.
pub fn run(name: &str, data: &[u8]) {
    let (_, body) = bodies::TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    body(data);
}
