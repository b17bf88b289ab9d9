//! The conformance suite, each check of which must leave no mapping and no open file, and a check of the loader's own.

use crate::Serial;
use crate::backend::{OPEN_FILES, PAGES};
use crate::conformance::{Check, Env, Failure, Result, ensure_eq, run_all};
use baremap::{File, Mmap, Prot};
use core::sync::atomic::Ordering::Relaxed;

/// What the backend refuses, and the checks that cannot do without it.
const REFUSED: [(&str, &[&str]); 4] = [
    (
        "no store reaches a file here",
        &[
            "file::open_or_create",
            "mmap::shared",
            "mmap::raw",
            "mmap::write_permission",
            "mmap::length_of_33_bits",
            "mapping::slice",
            "mapping::flush",
            "mapping::ranges_checked",
            "mapping::raw_parts",
            "protect::file",
            "protect::into_mut",
            "protect::into_read_only",
            "process::protected",
            "discard::remove",
            "discard::remove_whole_pages_only",
            "discard::refused",
            "contents::changed_file",
            "residency::populate_truncated",
            "parts::split_file",
            "parts::resize_file",
            "parts::resize_refused",
            "parts::no_access",
            "special::any_name",
            "view::shared",
            "reader::records",
        ],
    ),
    (
        "no page is protected here",
        &[
            "options::empty_prot",
            "mapping::advise",
            "protect::memory",
            "protect::needs_permission",
            "protect::into_exec",
            "protect::refused",
            "code::is_run",
            "code::is_run_after_each_write",
            "code::contents",
            "code::write_with",
            "parts::resize_memory",
        ],
    ),
    ("nothing is discarded here", &["discard::memory", "discard::whole_pages_only", "discard::shared_file"]),
    (
        "a file on FAT has less than 4 GiB",
        &["mmap::beyond_4_gib", "view::beyond_4_gib", "reader::beyond_4_gib"],
    ),
];

/// Skips a check that fails because the backend refuses what it needs. One that passes must leave the list.
fn judge(check: &Check, result: Result) -> Result {
    let Some((reason, _)) = REFUSED.iter().find(|(_, names)| names.contains(&check.name)) else {
        return result;
    };
    match result {
        Ok(()) => Err(Failure::broken("is refused", format_args!("it passed"))),
        Err(Failure::Broken { ref found, .. })
            if ["not supported", "Unsupported"].iter().any(|word| found.as_str().contains(word)) =>
        {
            Err(Failure::Skipped(reason))
        }
        result => result,
    }
}

const OWN_CHECKS: &[Check] = &[Check { name: "loader::runs_a_file", run: runs_a_file }];

/// A file is mapped for execution at once, as its permissions cannot be changed later.
fn runs_a_file(env: &mut Env) -> Result {
    const RETURN_42: &[u8] = if cfg!(target_arch = "x86_64") {
        b"\xb8\x2a\0\0\0\xc3" // mov eax, 42; ret
    } else {
        b"\x40\x05\x80\x52\xc0\x03\x5f\xd6" // mov w0, 42; ret
    };
    let file = File::create(&*env.path("program"))?;
    ensure_eq!(file.write_at(RETURN_42, 0)?, RETURN_42.len());
    // SAFETY: the file is this check's alone.
    let program = unsafe { Mmap::new(&file).prot(Prot::EXEC).map()? };
    // SAFETY: the code of such a function, which is mapped until it has returned.
    let entry = unsafe { core::mem::transmute::<*const u8, extern "C" fn() -> u32>(program.as_ptr()) };
    ensure_eq!(entry(), 42);
    Ok(())
}

fn in_use() -> (usize, usize) {
    (PAGES.load(Relaxed), OPEN_FILES.load(Relaxed))
}

fn run_check(check: &'static Check, env: &mut Env) -> Result {
    let before = in_use();
    judge(check, (check.run)(env))?;
    let after = in_use();
    if after != before && check.name != "mapping::leak" {
        return Err(Failure::broken("leaves nothing", format_args!("{before:?} before, {after:?} after")));
    }
    Ok(())
}

pub fn run() {
    // The firmware has neither pipes nor devices.
    let mut env = Env {
        folder: c"/suite/",
        pipe: None,
        zeros: None,
        reports_no_length: None,
        set_len: None,
        arch: if cfg!(target_arch = "x86_64") { "x86_64" } else { "aarch64" },
        keeps_translations: false,
        address_space: 0,
    };
    run_all(&mut env, OWN_CHECKS, run_check, &mut Serial);
}
