from glm4viz.cli import main

main()
