use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::asking(route::COMPLETE_CODE, ai::complete_code)
}
