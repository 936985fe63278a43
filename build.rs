//! The shared library of the C ABI says which versions of itself a program may run with.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of_c = std::env::var_os("CARGO_FEATURE_CAPI").is_some();
    let elf = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux");
    if of_c && elf {
        // A version with another first number, or another second one while the first is 0, may differ.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libchronolite.so.0.1");
    }
}
