use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::asking(route::SUMMARIZE, ai::summarize)
}
