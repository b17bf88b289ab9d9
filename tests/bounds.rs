//! A Reader takes address space and memory for one chunk, however long the file. The peaks are in /proc; without it there is
//! nothing to compare.
//!
//! A test binary of its own, as other tests would map things meanwhile.

#![cfg(feature = "alloc")]

use baremap::{Error, File, Reader};
use std::ffi::CString;
use std::fs;

/// The peaks of address space and of resident memory, in KiB.
fn peaks() -> Option<[u64; 2]> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = |name| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some([value("VmPeak:")?, value("VmHWM:")?])
}

const CHUNK_LEN: usize = 16 << 20;

#[test]
fn a_reader_takes_one_chunk() {
    let path = std::env::temp_dir().join(format!("baremap-bounds-{}", std::process::id()));
    let file = File::create(CString::new(path.to_str().unwrap()).unwrap().as_c_str()).unwrap();
    let read = |len| {
        file.set_len(len).unwrap();
        // SAFETY: the file is this test's alone.
        for reader in [Reader::new(&file), unsafe { Reader::new(&file).mapped() }] {
            let mut sum = 0;
            let read = reader.chunk_len(CHUNK_LEN).for_each(|chunk| {
                sum += chunk.iter().step_by(512).map(|&byte| u64::from(byte)).sum::<u64>();
                Ok::<_, Error>(())
            });
            assert_eq!((read, sum), (Ok(len), 0));
        }
        peaks()
    };
    let peaks = [1 << 20, 512 << 20].map(read);
    drop(file);
    fs::remove_file(&path).unwrap();
    let [Some(little), Some(many)] = peaks else {
        println!("skipped: there is no /proc that reports the peaks");
        return;
    };
    let chunk = CHUNK_LEN as u64 >> 10;
    for (before, after) in little.into_iter().zip(many) {
        assert!(after <= before + chunk + 4096, "{little:?} KiB for 1 MiB, {many:?} KiB for 512 MiB");
    }
}
