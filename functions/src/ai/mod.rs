//! What language and vision models do.

mod generate_form;

pub use generate_form::generate_form;
