use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::REMOVE_BACKGROUND, ai::remove_background)
}
