//! The copyrail executable: hands the command line to [`copyrail::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    copyrail::cli::main()
}
