use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::GENERATE_FORM, ai::generate_form)
}
