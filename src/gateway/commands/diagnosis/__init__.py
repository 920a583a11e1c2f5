"""What `gateway doctor` looks at: a file for each subject, whose checks return verdicts."""
