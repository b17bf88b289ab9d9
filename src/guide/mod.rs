//! The guide: what the reference does not say in one place.

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("safety.md")]
pub mod safety {}

#[doc = include_str!("sharing.md")]
pub mod sharing {}
