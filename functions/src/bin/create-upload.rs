use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::CREATE_UPLOAD, ai::create_upload)
}
