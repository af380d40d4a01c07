use aura_functions::{ai, serve};

fn main() -> Result<(), serve::Error> {
    serve::event(ai::INDEX_WORKER_NEEDS, ai::index_worker)
}
