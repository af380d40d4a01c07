use aura_functions::{ai, route, serve};

fn main() -> Result<(), serve::Error> {
    serve::http(route::DESCRIBE_IMAGE, ai::describe_image)
}
