-- What programs/database.py does to a local server; the user comes from outside the container.
CREATE DATABASE IF NOT EXISTS tradewarden CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'tradewarden'@'%';
GRANT ALL ON tradewarden.* TO 'tradewarden'@'%';
