//! What a function is: its command, its limits, and who runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::binary;

/// Account and region of every function here.
const ARN_PREFIX: &str = "arn:aws:lambda:us-east-1:123456789012:function:";
const REGION: &str = "us-east-1";

/// A function as Lambda would know it.
#[derive(Clone, Debug)]
pub struct Function {
    /// By which it is invoked, alone or at the end of an ARN.
    pub name: String,
    /// The runtime with its arguments, e.g. `python -m awslambdaric echo.handler`.
    pub command: Vec<String>,
    /// Where the command runs.
    pub directory: PathBuf,
    /// What the command finds in its environment, beside what Lambda puts there.
    pub environment: Vec<(String, String)>,
    /// Told to the function, not enforced.
    pub memory_mb: u32,
    /// Whether its sandboxes, once they have started, have no more of a processor than Lambda
    /// gives with their memory. Where the machine does not permit that, they have all.
    pub holds_processor_share: bool,
    /// How long one invocation may take.
    pub timeout_secs: u32,
    /// How many invocations run at once at most.
    pub sandboxes: usize,
    /// How long a caller waits for a sandbox before it is told 429; Lambda itself never waits.
    pub max_wait: Duration,
    /// Who hands the invocations to the command.
    pub emulator: Emulator,
    /// Whether its invocations are in the account; those of a bench would fill the memory.
    pub is_remembered: bool,
    /// Told how long each cold start took, to the end of the sandbox's first invocation.
    pub cold_starts: Option<Sender<Duration>>,
    /// What Lambda itself answers instead of invoking anything.
    pub answers: Option<ServiceFailure>,
}

/// Who stands between the API and a function's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// AWS's runtime interface emulator, a process for each sandbox. It knows no streaming, no
    /// trace ID, and tells a function's error by the shape of the body only.
    Rie,
    /// Lambda's Runtime API served here: responses pass on as the function makes them.
    RuntimeApi,
}

/// An error of the Lambda service, not of a function.
#[derive(Clone, Debug)]
pub struct ServiceFailure {
    /// Of the answer.
    pub status: u16,
    /// As in `x-amzn-ErrorType`, e.g. `ServiceException`.
    pub error_type: String,
}

impl Function {
    /// One of the handlers in `functions/`, in AWS's Python runtime and emulator.
    pub fn python(handler: &str) -> Self {
        let python = prepared("venv/bin/python");
        let handler_path = format!("{handler}.handler");
        let mut function = Self::new(handler, &python, Emulator::Rie);
        for argument in ["-m", "awslambdaric", &handler_path] {
            function.command.push(argument.to_string());
        }
        function.environment = vec![("PYTHONDONTWRITEBYTECODE".into(), "1".into())];
        function
    }

    /// One of this package's programs, which bring AWS's Rust runtime along.
    ///
    /// # Panics
    /// When it was not built.
    pub fn native(program: &str) -> Self {
        Self::new(program, &binary(program), Emulator::RuntimeApi)
    }

    fn new(name: &str, program: &Path, emulator: Emulator) -> Self {
        Self {
            name: name.to_string(),
            command: vec![program.display().to_string()],
            directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("functions"),
            environment: Vec::new(),
            memory_mb: 128,
            holds_processor_share: false,
            timeout_secs: 30,
            sandboxes: 1,
            max_wait: Duration::ZERO,
            emulator,
            is_remembered: true,
            cold_starts: None,
            answers: None,
        }
    }

    /// The whole name, as `Lambda-Runtime-Invoked-Function-Arn` has it.
    pub fn arn(&self) -> String {
        arn(&self.name)
    }

    /// How long one invocation may take.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_secs.into())
    }

    pub(crate) fn assert_runnable(&self) {
        assert!(!self.command.is_empty(), "{} has no command", self.name);
        if self.emulator == Emulator::Rie {
            let emulator = emulator();
            assert!(emulator.is_file(), "run tests/prepare first, or make test");
        }
    }

    /// The command in the environment that Lambda would give it, and in nothing else of ours.
    pub(crate) fn sandboxed(&self, mut command: Command) -> Command {
        command
            .current_dir(&self.directory)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_LAMBDA_FUNCTION_NAME", &self.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env(
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                self.memory_mb.to_string(),
            )
            // Without it the emulator ends with a segmentation fault.
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", self.timeout_secs.to_string())
            .env("LAMBDA_TASK_ROOT", &self.directory)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The ARN of a name, whether or not there is such a function.
pub(crate) fn arn(name: &str) -> String {
    format!("{ARN_PREFIX}{name}")
}

/// AWS's runtime interface emulator.
pub(crate) fn emulator() -> PathBuf {
    prepared("lambda/aws-lambda-rie")
}

/// What `tests/prepare` installs.
fn prepared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target")
        .join(path)
}
