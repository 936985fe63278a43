//! How much memory a body takes: no more than four times its input and 64 MB.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What may be taken for any input.
const BASE: usize = 64_000_000;

/// The system's allocator, with a note of how much is out and how much was at most.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn add(len: usize) {
    MOST.fetch_max(NOW.fetch_add(len, Relaxed) + len, Relaxed);
}

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is that of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise is that of the system's allocator.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `at` came from `alloc` above, with this layout.
        unsafe { System.dealloc(at, layout) }
    }

    // Large blocks are moved by the system without a copy, so that old and new do not add up.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        if len > layout.size() {
            add(len - layout.size());
        } else {
            NOW.fetch_sub(layout.size() - len, Relaxed);
        }
        // SAFETY: `at` came from `alloc` above, with this layout.
        unsafe { System.realloc(at, layout, len) }
    }
}

/// What `work` says, and the most that it had allocated at once. Of the whole process: nothing else
/// may be going on.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let result = work();
    (result, MOST.load(Relaxed).saturating_sub(before))
}

/// Does `work`, which knows `input` bytes.
///
/// # Panics
/// If it had more memory at once than so many bytes justify.
pub fn limited<T>(input: usize, work: impl FnOnce() -> T) -> T {
    let (result, most) = peak(work);
    let limit = 4 * input + BASE;
    assert!(most <= limit, "{most} bytes of memory for {input} of input; {limit} are allowed");
    result
}
