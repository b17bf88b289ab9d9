//! The exceptions that the processor reports, whatever the architecture.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    Execute,
}

pub enum Exception {
    /// The page is not present, or its permissions do not allow the access.
    PageFault { address: usize, access: Access },
    /// Another one, by the architecture's number.
    Other { number: usize },
}
