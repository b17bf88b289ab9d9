//! What differs between the systems: numbers, structs, names, and error codes.

#[cfg(baremap_backend = "dragonfly")]
mod dragonfly;
#[cfg(baremap_backend = "dragonfly")]
pub(crate) use dragonfly::*;

#[cfg(baremap_backend = "freebsd")]
mod freebsd;
#[cfg(baremap_backend = "freebsd")]
pub(crate) use freebsd::*;

#[cfg(baremap_backend = "illumos")]
mod illumos;
#[cfg(baremap_backend = "illumos")]
pub(crate) use illumos::*;

#[cfg(baremap_backend = "netbsd")]
mod netbsd;
#[cfg(baremap_backend = "netbsd")]
pub(crate) use netbsd::*;

#[cfg(baremap_backend = "openbsd")]
mod openbsd;
#[cfg(baremap_backend = "openbsd")]
pub(crate) use openbsd::*;
