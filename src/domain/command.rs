//! One line of text to a command.

use super::refusal::Offer;

/// A line that was not understood, or not well enough to act on it: what to ask back, and likely answers as buttons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub text: String,
    pub offers: Vec<Offer>,
}
