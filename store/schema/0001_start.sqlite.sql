CREATE TRIGGER audit_entry_keep   BEFORE DELETE ON audit_entry BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_entry_freeze BEFORE UPDATE ON audit_entry BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_node_keep    BEFORE DELETE ON audit_node  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_node_freeze  BEFORE UPDATE ON audit_node  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
