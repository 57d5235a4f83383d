"""One file per format; each turns bytes into a draft and runs only inside a child process."""
