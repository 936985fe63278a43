//! What happens when somebody else cuts a file that is mapped.
//!
//! Touching a page that the file no longer reaches raises SIGBUS, which ends the process. So there
//! is a handler that knows the mappings of this crate: it puts a page of zeros where the file's was,
//! notes that, and lets the read go on. What was read is then not what was written, which either its
//! checksum tells or [`is_cut`], asked once it was decoded. Any other SIGBUS goes to the handler
//! that was there before, or ends the process as ever.
//!
//! The handler takes no lock and allocates nothing: the mappings are in a list of nodes that are
//! never freed, of which the ones of mappings that are gone are used again.

#![allow(unsafe_code)] // a signal handler is installed by C calls, and looks at raw addresses

use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// A mapping.
#[derive(Debug)]
struct Node {
    /// Its first address; 0 if the node is not in use.
    start: AtomicUsize,
    end: AtomicUsize,
    /// A page of it is not the file's any more.
    cut: AtomicBool,
    next: *const Node,
}

static NODES: AtomicPtr<Node> = AtomicPtr::new(ptr::null_mut());
/// Held while a node is taken.
static TAKING: Mutex<()> = Mutex::new(());
static BEFORE: OnceLock<Before> = OnceLock::new();
static PAGE: AtomicUsize = AtomicUsize::new(4096);

/// The action that was there before.
struct Before(libc::sigaction);

/// A mapping that is guarded, until dropped: before it is unmapped.
#[derive(Debug)]
pub(super) struct Guarded(&'static Node);

// SAFETY: a node is only atomics, and a link that never changes to another node, which lives for
// ever.
unsafe impl Send for Guarded {}
// SAFETY: as above.
unsafe impl Sync for Guarded {}

impl Guarded {
    /// Guards the mapping of `len` bytes at `start`.
    pub(super) fn new(start: *const u8, len: usize) -> io::Result<Self> {
        install()?;
        let _alone = TAKING.lock();
        let node = nodes().find(|node| node.start.load(Ordering::Relaxed) == 0);
        let node = node.unwrap_or_else(|| {
            let node = Node {
                start: AtomicUsize::new(0),
                end: AtomicUsize::new(0),
                cut: AtomicBool::new(false),
                next: NODES.load(Ordering::Relaxed),
            };
            let node: &'static Node = Box::leak(Box::new(node));
            NODES.store(ptr::from_ref(node).cast_mut(), Ordering::Release);
            node
        });
        node.cut.store(false, Ordering::Relaxed);
        node.end.store(start as usize + len, Ordering::Relaxed);
        node.start.store(start as usize, Ordering::Release);
        Ok(Self(node))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
    }
}

/// True if the mapping that holds these bytes is not the file's any more, as a whole.
pub fn is_cut(bytes: &[u8]) -> bool {
    // What was read comes before, and so does what a fault has noted.
    std::sync::atomic::fence(Ordering::SeqCst);
    holder(bytes.as_ptr() as usize).is_some_and(|node| node.cut.load(Ordering::Acquire))
}

fn nodes() -> impl Iterator<Item = &'static Node> {
    let mut next = NODES.load(Ordering::Acquire).cast_const();
    std::iter::from_fn(move || {
        // SAFETY: null, or a node that was leaked, whole when it became reachable.
        let node = unsafe { next.as_ref() }?;
        next = node.next;
        Some(node)
    })
}

/// The mapping that holds an address.
fn holder(address: usize) -> Option<&'static Node> {
    nodes().find(|node| {
        let start = node.start.load(Ordering::Acquire);
        start != 0 && (start..node.end.load(Ordering::Relaxed)).contains(&address)
    })
}

fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<i32> = OnceLock::new();
    let code = *INSTALLED.get_or_init(|| {
        // SAFETY: plain calls with structs of our own. What was there before is noted before the
        // handler can run; the handler lives as long as the program.
        unsafe {
            if let Ok(page) = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)) {
                PAGE.store(page, Ordering::Relaxed);
            }
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut before) != 0 {
                return io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
            }
            let _ = BEFORE.set(Before(before));
            let mut ours: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_bus;
            ours.sa_sigaction = handler as libc::sighandler_t;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            libc::sigemptyset(&raw mut ours.sa_mask);
            match libc::sigaction(libc::SIGBUS, &raw const ours, ptr::null_mut()) {
                0 => 0,
                _ => io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL),
            }
        }
    });
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

extern "C" fn on_bus(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system gives a whole `info` to a handler that asked for it.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // A positive code is a fault, others were sent by somebody.
    if code > 0 && replace_page(address) {
        return;
    }
    pass_on(signal, info, context);
}

/// Puts zeros in the place of a page of a mapping of ours.
fn replace_page(address: usize) -> bool {
    let Some(node) = holder(address) else { return false };
    let page = PAGE.load(Ordering::Relaxed);
    let start = address / page * page;
    node.cut.store(true, Ordering::Release);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: one page of a mapping of ours, which nobody unmaps while it is read; the system call
    // is fit for a handler, and the number of the last error is put back.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let mapped = libc::mmap(start as *mut _, page, libc::PROT_READ, flags, -1, 0);
        *errno = before;
        mapped as usize == start
    }
}

fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let before = BEFORE.get().map(|before| before.0);
    let special = [libc::SIG_DFL, libc::SIG_IGN];
    match before.filter(|before| !special.contains(&before.sa_sigaction)) {
        // SAFETY: the function that was installed for this signal, called as its flags say.
        Some(before) => unsafe {
            if before.sa_flags & libc::SA_SIGINFO != 0 {
                let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                    std::mem::transmute(before.sa_sigaction);
                handler(signal, info, context);
            } else {
                let handler: extern "C" fn(i32) = std::mem::transmute(before.sa_sigaction);
                handler(signal);
            }
        },
        // SAFETY: plain calls; the signal comes again once this handler is left, and ends us.
        None => unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        },
    }
}
