use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::ANALYZE_IMAGE, ai::analyze_image)
}
