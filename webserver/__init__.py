"""The web server: a child process that shows and steers topics over HTTP. Decides nothing, writes no topic's file."""
