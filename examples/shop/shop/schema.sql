CREATE TABLE accounts (mail text PRIMARY KEY, secret text NOT NULL);
CREATE TABLE products (name text PRIMARY KEY, price numeric NOT NULL);
CREATE TABLE stock (name text PRIMARY KEY, count integer NOT NULL);
CREATE TABLE orders (id uuid PRIMARY KEY, mail text NOT NULL, product text NOT NULL, receipt text);
CREATE TABLE outbox (id uuid PRIMARY KEY, kind text NOT NULL, mail text NOT NULL, at timestamptz NOT NULL DEFAULT now());
INSERT INTO products VALUES ('green tea', 5), ('black tea', 4), ('tea pot', 30), ('cup', 8);
INSERT INTO stock VALUES ('green tea', 17), ('black tea', 4), ('tea pot', 2), ('cup', 60);
