//! Compares what a backend declares by hand with the system's C headers: writes, for one target, a C++ file of assertions,
//! which `ci/abi/run` compiles.

mod check;
mod source;
mod tables;
mod translate;

use std::path::Path;
use std::process::exit;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match answer(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(text) => print!("{text}"),
        Err(problems) => {
            eprintln!("{problems}");
            exit(1);
        }
    }
}

fn answer(arguments: &[&str]) -> Result<String, String> {
    let [root, name @ ..] = arguments else { return Err("usage: abi CRATE [TARGET]".into()) };
    let root = Path::new(root);
    let targets = source::targets(root)?;
    match name {
        [] => Ok(targets.iter().map(|target| target.name() + "\n").collect()),
        [name, ..] => match targets.iter().find(|target| target.name() == *name) {
            Some(target) => check::file(root, target),
            None => Err(format!("build.rs does not support {name}")),
        },
    }
}
