use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::asking(route::GENERATE_FORM, ai::generate_form)
}
