//! A buffer of fixed capacity that one writer fills while any number of readers read what is there.
//!
//! The writer stores values behind the length and then publishes the new length; readers see a
//! length and everything before it. Nothing is ever moved, so slices stay valid while it lives.

#![allow(unsafe_code)] // readers and the writer share one allocation, split at the published length

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module's description.
pub struct AppendVec<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    len: AtomicUsize,
}

// SAFETY: slots before `len` are only read, by shared reference, after the acquiring load that saw
// them published; slots from `len` on are only touched by the writer, of which the callers of the
// unsafe `extend` promise there is one at a time. `T: Send + Sync` lets values cross threads.
unsafe impl<T: Send + Sync> Sync for AppendVec<T> {}

impl<T: Copy> AppendVec<T> {
    /// Room for `capacity` values.
    pub fn with_capacity(capacity: usize) -> Self {
        let slots = (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
        Self { slots, len: AtomicUsize::new(0) }
    }

    /// How many values it can hold.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many more values it can hold.
    pub fn room(&self) -> usize {
        self.slots.len() - self.len.load(Ordering::Relaxed)
    }

    /// The values published so far.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        let len = self.len.load(Ordering::Acquire);
        // SAFETY: the first `len` slots were written before the release that published `len`, and
        // are never written again; `UnsafeCell<MaybeUninit<T>>` has the layout of `T`.
        unsafe { std::slice::from_raw_parts(self.slots.as_ptr().cast::<T>(), len) }
    }

    /// Appends `values` and publishes them. Panics if there is no room.
    ///
    /// # Safety
    /// No other thread may be in this call on the same buffer.
    #[inline]
    pub unsafe fn extend(&self, values: &[T]) {
        let len = self.len.load(Ordering::Relaxed);
        let end = len + values.len();
        assert!(end <= self.slots.len(), "no room for {} more values", values.len());
        let target = self.slots.as_ptr().cast::<T>().cast_mut();
        // SAFETY: the slots from `len` to `end` exist, as just asserted; nobody reads them before
        // they are published below, and the caller is the only writer. `values` is a shared slice
        // and cannot overlap unpublished slots, to which no reference is ever given.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), target.add(len), values.len()) };
        self.len.store(end, Ordering::Release);
    }

    /// Appends one value. Panics if there is no room.
    ///
    /// # Safety
    /// As for [`AppendVec::extend`].
    #[inline]
    pub unsafe fn push(&self, value: T) {
        // SAFETY: passed on to the caller.
        unsafe { self.extend(std::slice::from_ref(&value)) };
    }
}

impl<T> std::fmt::Debug for AppendVec<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = self.len.load(Ordering::Relaxed);
        write!(f, "AppendVec({len} of {})", self.slots.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_prefixes_while_one_writes() {
        const N: usize = 20_000;
        let buffer = AppendVec::<u64>::with_capacity(N);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut seen = 0;
                    while seen < N {
                        let slice = buffer.as_slice();
                        assert!(slice.len() >= seen);
                        seen = slice.len();
                        assert!(slice.iter().enumerate().all(|(i, v)| *v == i as u64));
                        std::hint::spin_loop();
                    }
                });
            }
            for start in (0..N as u64).step_by(100) {
                let values: Vec<u64> = (start..start + 100).collect();
                // SAFETY: only this thread writes.
                unsafe { buffer.extend(&values) };
            }
        });
        assert_eq!((buffer.as_slice().len(), buffer.room()), (N, 0));
    }

    #[test]
    #[should_panic(expected = "no room")]
    fn a_full_buffer_refuses() {
        let buffer = AppendVec::<u8>::with_capacity(1);
        // SAFETY: only this thread writes.
        unsafe { buffer.extend(&[1, 2]) };
    }
}
