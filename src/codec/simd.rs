//! Loops that are compiled twice: for any machine of the kind, and for those with wider registers,
//! which are asked for when it runs. A wheel is built once for all of them.
//!
//! A kernel's code is plain: the compiler vectorizes it. What it calls must be inlined into it, or
//! it would stay as it is compiled elsewhere.

/// A loop over the values of a vector or so.
pub(super) trait Kernel {
    type Output;

    /// Implemented with `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

/// Runs a kernel on the widest registers there are.
#[inline]
#[allow(unsafe_code)]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn wide<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        use std::arch::is_x86_feature_detected as has;
        if has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt") {
            // SAFETY: this machine has what the function is compiled for, as was just asked.
            return unsafe { wide(kernel) };
        }
    }
    kernel.run()
}
