//! The guide: one page for each question that concerns several items.
//!
//! - [Safety](safety): what another process can do to a file that is mapped, viewed or read.
//! - [Coming from](coming_from) memmap2, mmap-rs, region or Go: your names, and what to write here.
//! - [Sharing](sharing): memory that several processes use.
//! - [Performance](performance): what costs what, and which way to read for which work.
//! - [Platforms](platforms): what each system offers, and what happens where a feature is missing.
//! - [Kernels and loaders](kernels): the crate where there is no operating system.

/// A page, and the links to what only some builds have: they work in all, and on docs.rs stay on the same version.
macro_rules! page {
    ($name:ident, $file:literal) => {
        #[doc = include_str!($file)]
        #[doc = ""]
        #[cfg_attr(feature = "alloc", doc = "[`Reader`]: crate::Reader")]
        #[cfg_attr(
            not(feature = "alloc"),
            doc = "[`Reader`]: https://docs.rs/baremap/latest/baremap/struct.Reader.html"
        )]
        #[cfg_attr(docsrs, doc = "[`custom`]: crate::custom\n[`Backend`]: crate::custom::Backend")]
        #[cfg_attr(
            not(docsrs),
            doc = "[`custom`]: https://docs.rs/baremap/latest/baremap/custom/\n\
                   [`Backend`]: https://docs.rs/baremap/latest/baremap/custom/trait.Backend.html"
        )]
        pub mod $name {}
    };
}

page!(safety, "safety.md");
page!(coming_from, "coming_from.md");
page!(sharing, "sharing.md");
page!(performance, "performance.md");
page!(platforms, "platforms.md");
page!(kernels, "kernels.md");
